# What the Python peers share: the command line, the scenarios and their figures.
import argparse
import asyncio
import functools
import itertools
import json
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Callable


@dataclass
class Client:
    """What the scenarios need of one, as coroutine functions of a prompt."""

    ask: Callable  # gives the answer
    stream: Callable  # gives the pieces of a streamed answer in a list, and the finish reason


def parse():
    options = argparse.ArgumentParser()
    options.add_argument("--scenario", choices=list(SCENARIOS), required=True)
    options.add_argument("--url", required=True)
    options.add_argument("--ca", required=True)
    options.add_argument("--requests", type=int, required=True)
    options.add_argument("--concurrency", type=int, default=64)
    options.add_argument("--waves", type=int, default=1)
    options.add_argument("--chunks", type=int, default=200, help="that a stream has to bring")
    options.add_argument("--http2", action="store_true")
    options.add_argument("--uvloop", action="store_true", help="run on uvloop in place of asyncio's own loop")
    options.add_argument("--aiohttp", action="store_true", help="openai: over aiohttp, as its README proposes")
    return options.parse_args()


async def answered(client, prompt):
    """Throws unless the answer is right."""
    answer = await client.ask(prompt)
    if answer != "echo: " + prompt:
        raise ValueError(f'the answer to "{prompt}" is "{answer}"')


async def streamed(client, prompt, chunks):
    """Throws unless the stream is whole: the mock server repeats its echo until it has sent all chunks."""
    pieces, finish_reason = await client.stream(prompt)
    if len(pieces) != chunks or finish_reason != "stop":
        raise ValueError(f'a stream of {len(pieces)} chunks that ended with "{finish_reason}"')
    text, echo = "".join(pieces), f"echo: {prompt} "
    if not (echo * (len(text) // len(echo) + 1)).startswith(text):
        raise ValueError(f'the stream for "{prompt}" brought "{text[:100]}"')


class Tally:
    def __init__(self):
        self.ok = self.failed = 0
        self.latencies_ms = []

    async def send(self, client, index, exchange=answered):
        started = time.perf_counter()
        try:
            await exchange(client, f"Question number {index}")
        except Exception as problem:
            self.failed += 1
            if self.failed <= 5:
                print("failed:", repr(problem), file=sys.stderr)
        else:
            self.ok += 1
            self.latencies_ms.append((time.perf_counter() - started) * 1000)

    def figures(self):
        ranked = sorted(self.latencies_ms) or [0]
        return {"ok": self.ok, "failed": self.failed,
                "p50_ms": ranked[len(ranked) // 2], "p99_ms": ranked[len(ranked) * 99 // 100]}


def memory_kb(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))


async def keep_busy(connect, options, tally, exchange):
    """Makes all exchanges, as many at once as wanted; gives the seconds and the CPU seconds that they took."""
    async with connect(options, options.concurrency) as client:
        numbers = itertools.count()

        async def worker():
            while (index := next(numbers)) < options.requests:
                await tally.send(client, index, exchange)

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(options.concurrency)))
        return time.perf_counter() - wall, time.process_time() - cpu


async def throughput(connect, options):
    tally = Tally()
    wall, cpu = await keep_busy(connect, options, tally, answered)
    return tally.figures() | {"concurrency": options.concurrency, "wall_s": wall, "requests_per_s": tally.ok / wall,
                              "cpu_us_per_request": cpu * 1e6 / options.requests}


async def stream(connect, options):
    tally = Tally()
    wall, cpu = await keep_busy(connect, options, tally, functools.partial(streamed, chunks=options.chunks))
    return tally.figures() | {"concurrency": options.concurrency, "wall_s": wall,
                              "chunks_per_s": tally.ok * options.chunks / wall,
                              "cpu_us_per_chunk": cpu * 1e6 / options.requests / options.chunks}


async def fanout(connect, options):
    tally, walls = Tally(), []
    async with connect(options, options.requests) as client:
        kb_before = memory_kb("VmRSS:")
        cpu = time.process_time()
        for wave in range(options.waves):
            started = time.perf_counter()
            first = wave * options.requests
            await asyncio.gather(*(tally.send(client, first + i) for i in range(options.requests)))
            walls.append(time.perf_counter() - started)
        cpu = time.process_time() - cpu
        kb_grown = memory_kb("VmHWM:") - kb_before
    return tally.figures() | {"waves": options.waves, "wall_s": walls[0], "wall_s_warm": walls[-1],
                              "cpu_us_per_request": cpu * 1e6 / options.requests / options.waves,
                              "rss_kb_per_in_flight": kb_grown / options.requests}


async def reuse(connect, options):
    tally = Tally()

    async def with_new_client(index):
        async with connect(options, 1) as client:
            await tally.send(client, index)

    async def in_sequence(send):
        latencies_ms, cpu = [], time.process_time()
        for index in range(options.requests):
            started = time.perf_counter()
            await send(index)
            latencies_ms.append((time.perf_counter() - started) * 1000)
        return statistics.median(latencies_ms), (time.process_time() - cpu) * 1e6 / options.requests

    async with connect(options, 1) as client:
        kept_ms, kept_us = await in_sequence(lambda index: tally.send(client, index))
    new_ms, new_us = await in_sequence(with_new_client)
    return tally.figures() | {"latency_ms_kept": kept_ms, "latency_ms_new": new_ms,
                              "cpu_us_kept": kept_us, "cpu_us_new": new_us}


SCENARIOS = {"throughput": throughput, "fanout": fanout, "reuse": reuse, "stream": stream}


def main(connect):
    """`connect(options, concurrency)` gives an asynchronous context with a `Client`."""
    options = parse()
    if options.uvloop:
        import uvloop as loop
    else:
        loop = asyncio
    figures = loop.run(SCENARIOS[options.scenario](connect, options))
    print(json.dumps({"requests": options.requests} | figures))
