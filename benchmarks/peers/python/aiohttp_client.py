# aiohttp: one session, its connection limit raised to the requests in flight, answers parsed by its own json().
import functools
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

        async def ask(prompt):
            body = {"model": "mock-model", "messages": [{"role": "user", "content": prompt}]}
            async with session.post(options.url + "/chat/completions", json=body, raise_for_status=True) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        yield ask


if __name__ == "__main__":
    measure.main(connect)
