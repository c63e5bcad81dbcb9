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

        async def ask(prompt):
            completion = await client.chat.completions.create(
                model="mock-model", messages=[{"role": "user", "content": prompt}])
            return completion.choices[0].message.content

        yield ask


if __name__ == "__main__":
    measure.main(connect)
