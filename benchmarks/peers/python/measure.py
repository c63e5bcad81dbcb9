# What the Python peers share: the command line, the three scenarios and their figures.
import argparse
import asyncio
import itertools
import json
import statistics
import sys
import time


def parse():
    options = argparse.ArgumentParser()
    options.add_argument("--scenario", choices=["throughput", "fanout", "reuse"], required=True)
    options.add_argument("--url", required=True)
    options.add_argument("--ca", required=True)
    options.add_argument("--requests", type=int, required=True)
    options.add_argument("--concurrency", type=int, default=64)
    options.add_argument("--waves", type=int, default=1)
    options.add_argument("--http2", action="store_true")
    options.add_argument("--uvloop", action="store_true", help="run on uvloop in place of asyncio's own loop")
    options.add_argument("--aiohttp", action="store_true", help="openai: over aiohttp, as its README proposes")
    return options.parse_args()


class Tally:
    def __init__(self):
        self.ok = self.failed = 0
        self.latencies_ms = []

    async def send(self, ask, index):
        prompt = f"Question number {index}"
        started = time.perf_counter()
        try:
            answer = await ask(prompt)
            if answer != "echo: " + prompt:
                raise ValueError(f'the answer to "{prompt}" is "{answer}"')
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


async def throughput(connect, options):
    tally = Tally()
    async with connect(options, options.concurrency) as ask:
        numbers = itertools.count()

        async def worker():
            while (index := next(numbers)) < options.requests:
                await tally.send(ask, index)

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(worker() for _ in range(options.concurrency)))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return tally.figures() | {"concurrency": options.concurrency, "wall_s": wall, "requests_per_s": tally.ok / wall,
                              "cpu_us_per_request": cpu * 1e6 / options.requests}


async def fanout(connect, options):
    tally, walls = Tally(), []
    async with connect(options, options.requests) as ask:
        kb_before = memory_kb("VmRSS:")
        cpu = time.process_time()
        for wave in range(options.waves):
            started = time.perf_counter()
            first = wave * options.requests
            await asyncio.gather(*(tally.send(ask, first + i) for i in range(options.requests)))
            walls.append(time.perf_counter() - started)
        cpu = time.process_time() - cpu
        kb_grown = memory_kb("VmHWM:") - kb_before
    return tally.figures() | {"waves": options.waves, "wall_s": walls[0], "wall_s_warm": walls[-1],
                              "cpu_us_per_request": cpu * 1e6 / options.requests / options.waves,
                              "rss_kb_per_in_flight": kb_grown / options.requests}


async def reuse(connect, options):
    tally = Tally()

    async def with_new_client(index):
        async with connect(options, 1) as ask:
            await tally.send(ask, index)

    async def in_sequence(send):
        latencies_ms, cpu = [], time.process_time()
        for index in range(options.requests):
            started = time.perf_counter()
            await send(index)
            latencies_ms.append((time.perf_counter() - started) * 1000)
        return statistics.median(latencies_ms), (time.process_time() - cpu) * 1e6 / options.requests

    async with connect(options, 1) as ask:
        kept_ms, kept_us = await in_sequence(lambda index: tally.send(ask, index))
    new_ms, new_us = await in_sequence(with_new_client)
    return tally.figures() | {"latency_ms_kept": kept_ms, "latency_ms_new": new_ms,
                              "cpu_us_kept": kept_us, "cpu_us_new": new_us}


def main(connect):
    """`connect(options, concurrency)` gives an asynchronous context: a coroutine function from prompt to answer."""
    options = parse()
    if options.uvloop:
        import uvloop as loop
    else:
        loop = asyncio
    scenario = {"throughput": throughput, "fanout": fanout, "reuse": reuse}[options.scenario]
    figures = loop.run(scenario(connect, options))
    print(json.dumps({"requests": options.requests} | figures))
