# The official openai package: AsyncOpenAI with the connection limits and the timeout raised, as its README shows.
import functools
import ssl
from contextlib import asynccontextmanager

import httpx2
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpx2Client

import measure

tls_context = functools.cache(lambda ca: ssl.create_default_context(cafile=ca))


@asynccontextmanager
async def connect(options, concurrency):
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    if options.aiohttp:
        http_client = DefaultAioHttpClient(verify=tls_context(options.ca), limits=limits)
    else:
        http_client = DefaultAsyncHttpx2Client(verify=tls_context(options.ca), limits=limits, http2=options.http2)
    async with AsyncOpenAI(base_url=options.url, api_key="sk-mock", max_retries=0, timeout=600,
                           http_client=http_client) as client:

        def create(prompt, **more):
            return client.chat.completions.create(
                model="mock-model", messages=[{"role": "user", "content": prompt}], **more)

        async def ask(prompt):
            completion = await create(prompt)
            return completion.choices[0].message.content

        async def stream(prompt):
            pieces, finish_reason = [], None
            async for chunk in await create(prompt, stream=True):
                choice = chunk.choices[0]
                if choice.delta.content:
                    pieces.append(choice.delta.content)
                finish_reason = choice.finish_reason or finish_reason
            return pieces, finish_reason

        yield measure.Client(ask, stream)


if __name__ == "__main__":
    measure.main(connect)
