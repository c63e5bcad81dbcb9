# aiohttp: one session, its connection limit raised to the requests in flight, answers parsed by its own json(); streams
# read line by line, their data parsed by the json of the standard library.
import functools
import json
import ssl
from contextlib import asynccontextmanager

import aiohttp

import measure

tls_context = functools.cache(lambda ca: ssl.create_default_context(cafile=ca))


@asynccontextmanager
async def connect(options, concurrency):
    connector = aiohttp.TCPConnector(limit=concurrency, ssl=tls_context(options.ca))
    timeout = aiohttp.ClientTimeout(total=600)
    headers = {"Authorization": "Bearer sk-mock"}
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:

        def post(prompt, **more):
            body = {"model": "mock-model", "messages": [{"role": "user", "content": prompt}], **more}
            return session.post(options.url + "/chat/completions", json=body, raise_for_status=True)

        async def ask(prompt):
            async with post(prompt) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        async def stream(prompt):
            pieces, finish_reason = [], None
            async with post(prompt, stream=True) as response:
                # To the end of the body, and not only to the last event: otherwise the connection is not used again.
                async for line in response.content:
                    if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                        continue
                    choice = json.loads(line[6:])["choices"][0]
                    if text := choice["delta"].get("content"):
                        pieces.append(text)
                    finish_reason = choice["finish_reason"] or finish_reason
            return pieces, finish_reason

        yield measure.Client(ask, stream)


if __name__ == "__main__":
    measure.main(connect)
