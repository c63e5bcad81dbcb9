# Runs the peers: each run has a mock server of its own on one core, the client on another, and a limit of time.
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace

import results
from peers import Job, Missing

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]

# Requests at once and the server's latency in ms. Above 19,000 connections HTTP/1.1 runs out of descriptors.
FANOUT = [(100, 200), (1_000, 200), (10_000, 200), (10_000, 1_000), (100_000, 10_000)]
MOST_CONNECTIONS = 19_000
SCALE = [(1, 1_000), (10, 1_000), (100, 1_000), (1_000, 1_000), (10_000, 1_000), (100_000, 10_000), (1_000_000, 60_000)]
REUSE_REQUESTS = 500
TRIAL_REQUESTS = 1_000
MOST_REQUESTS = 500_000
CHUNKS, CHUNK_BYTES = 200, 220
RECORD_BYTES = (0, 16 * 1024)  # a TLS record a chunk; the largest records that there are
TRIAL_STREAMS = 128
MOST_STREAMS = 50_000


def pinned(core):
    if len(CORES) < 2 or not shutil.which("taskset"):
        return []
    return ["taskset", "--cpu-list", str(core)]


def server_options(job):
    words = ["--latency-ms", job.latency_ms]
    if job.scenario == "stream":
        words += ["--stream-chunks", job.chunks, "--stream-chunk-bytes", job.chunk_bytes,
                  "--stream-record-bytes", job.record_bytes]
    return [str(word) for word in words] + ["--http2"] * job.http2


@contextmanager
def mock_server(build, job):
    """Gives the URL, the CA file and a function that ends the server and returns its counters."""
    with tempfile.TemporaryDirectory() as scratch:
        # --until-eof ends it with this process, whatever becomes of that.
        command = [*pinned(SERVER_CORE), str(build / "examples" / "mock_server"), "--json", "--until-eof",
                   "--ca-out", f"{scratch}/ca.pem", *server_options(job)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def stop():
            server.send_signal(signal.SIGTERM)
            said, _ = server.communicate(timeout=120)
            return json.loads(said.strip().splitlines()[-1])

        try:
            url, ca = server.stdout.readline().split()
            yield url, ca, stop
        finally:
            if server.poll() is None:
                server.kill()
                server.communicate()


def own_descriptors():
    """As many as the hard limit allows: load generators do not raise it themselves."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_once(shop, peer, job, limit_s):
    """The figures of one run with the server's counters in "server", or {"ended": why there are none}."""
    with mock_server(shop.build, job) as (url, ca, stop):
        words = [*pinned(CLIENT_CORE), *map(str, peer.words(replace(job, url=url, ca=ca)))]
        cpu_s = children_cpu_s()
        client = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, preexec_fn=own_descriptors)
        try:
            output, complaints = client.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return {"ended": f"did not end within {limit_s:g} s"}
        finally:
            if client.poll() is None:
                client.kill()
                client.communicate()
        cpu_s = children_cpu_s() - cpu_s
        try:
            figures = peer.read(job, output, cpu_s)
        except (ValueError, IndexError, KeyError, TypeError):
            why = (complaints.strip() or output.strip() or "it said nothing").splitlines()[-1][:200]
            return {"ended": f"died with status {client.returncode}: {why}"}
        if complaints.strip():
            figures["complaint"] = complaints.strip().splitlines()[0][:200]
        figures["server"] = stop()
        return figures


def series(shop, peers, wanted, scenario, jobs, into, run=run_once):
    """Runs all peers at one point, in turn, as many rounds as wanted, and records each as it comes.

    `jobs(peer, http2)` gives the job of a peer, or None when it is not to take part.
    """
    entries = [(peer, protocol) for peer in peers for protocol in peer.protocols if protocol in wanted.protocols]
    given_up = set()
    recorded = {}
    for round_number in range(wanted.runs):
        for entry in entries:
            peer, protocol = entry
            if entry in given_up:
                continue
            if entry not in recorded:
                job = jobs(peer, protocol == "http2")
                if job is None:
                    given_up.add(entry)
                    continue
                recorded[entry] = (job, results.new_record(peer, protocol, scenario, job))
                into.add(recorded[entry][1])
            job, record = recorded[entry]
            limit_s = max(wanted.time_limit, 2 * job.latency_ms / 1000)
            figures = run(shop, peer, job, limit_s)
            record["runs"].append(figures)
            into.save()
            print(f"  {peer.name:22} {protocol:6} {results.line(scenario, figures)}", flush=True)
            if "ended" in figures:
                given_up.add(entry)  # it would take as long again


def able(peers, scenario):
    return [one for one in peers if scenario in one.scenarios]


def fitting(shop, peer, trial, most, wanted, run):
    """The trial with as many times its requests as fit into the seconds wanted, at the rate that it gave."""
    def rate_of(job):
        figures = run(shop, peer, job, wanted.time_limit)
        return figures["ok"] / figures["wall_s"] if figures.get("wall_s") else 0

    rate = rate_of(trial)
    # The second trial is no longer mostly the start.
    longer = min(int(rate), most // 5)
    if longer > 2 * trial.requests:
        rate = rate_of(replace(trial, requests=longer)) or rate
    rounds = int(rate * wanted.seconds) // trial.requests
    return replace(trial, requests=min(max(rounds, 1) * trial.requests, most), seconds=wanted.seconds)


def throughput(shop, peers, wanted, into):
    def job(peer, http2):
        trial = Job("throughput", http2, TRIAL_REQUESTS, wanted.concurrency, seconds=1)
        return fitting(shop, peer, trial, MOST_REQUESTS, wanted, run_once)

    print(f"throughput, {wanted.concurrency} at once")
    series(shop, able(peers, "throughput"), wanted, "throughput", job, into)


def stream(shop, peers, wanted, into, run=run_once):
    for record_bytes in RECORD_BYTES:
        print(f"stream, {wanted.concurrency} at once, {CHUNKS} chunks of {CHUNK_BYTES} bytes,",
              results.records_spelt(record_bytes))

        def job(peer, http2):
            trial = Job("stream", http2, TRIAL_STREAMS, wanted.concurrency, chunks=CHUNKS, chunk_bytes=CHUNK_BYTES,
                        record_bytes=record_bytes)
            return fitting(shop, peer, trial, MOST_STREAMS, wanted, run)

        series(shop, able(peers, "stream"), wanted, "stream", job, into, run)


def fanout(shop, peers, wanted, into):
    for requests, latency_ms in wanted.points or FANOUT:
        print(f"fanout, {requests:,} at once, latency {latency_ms} ms")

        def job(peer, http2):
            if requests > MOST_CONNECTIONS and not http2:
                return None
            return Job("fanout", http2, requests, latency_ms=latency_ms)

        series(shop, able(peers, "fanout"), wanted, "fanout", job, into)


def reuse(shop, peers, wanted, into):
    print("reuse, one request after the other")
    series(shop, able(peers, "reuse"), wanted, "reuse", lambda peer, http2: Job("reuse", http2, REUSE_REQUESTS), into)


def scale(shop, peers, wanted, into):
    for requests, latency_ms in wanted.points or SCALE:
        print(f"scale, {requests:,} in flight, latency {latency_ms} ms")
        series(shop, [one for one in peers if one.name == "chorus"], wanted, "scale",
               lambda peer, http2: Job("fanout", True, requests, latency_ms=latency_ms) if http2 else None, into)


SCENARIOS = {"throughput": throughput, "stream": stream, "fanout": fanout, "reuse": reuse, "scale": scale}


def installed(shop, peers):
    """Installs the peers and says which have to be left out, and why."""
    usable = []
    for peer in peers:
        try:
            peer.install(shop)
        except Missing as problem:
            print(f"left out: {peer.name}: {problem}", file=sys.stderr)
        else:
            print(f"{peer.name}: {peer.version}", flush=True)
            usable.append(peer)
    return usable
