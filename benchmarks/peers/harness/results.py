# The results as a file that grows run by run, and what is read off it: medians, the table, the charts.
import json
import math
import os
import platform
import re
import statistics
from datetime import date
from pathlib import Path

import charts

KEY = ("scenario", "peer", "protocol", "requests_at_once", "latency_ms", "record_bytes")  # the last: stream alone
LABEL = {"http1": "HTTP/1.1", "http2": "HTTP/2"}
OURS = "chorus"
# Of the two tables: what is in them, and what puts the clients in order.
COMPARED = ("throughput", "fanout", "reuse"), lambda record: -(median(record, "requests_per_s") or 0)
STREAMED = ("stream",), lambda record: median(record, "cpu_us_per_chunk") or math.inf


class Results:
    """All records; one with the same key replaces the older one."""

    def __init__(self, path):
        self.path = Path(path)
        self.records = json.loads(self.path.read_text())["records"] if self.path.exists() else []

    def add(self, record):
        same = lambda other: all(other.get(name) == record.get(name) for name in KEY)
        self.records = [other for other in self.records if not same(other)] + [record]

    def save(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".part")
        ordered = sorted(self.records, key=lambda record: [str(record.get(name)) for name in KEY])
        unfinished.write_text(json.dumps({"records": ordered}, indent=1) + "\n")
        unfinished.replace(self.path)


def machine():
    model, memory = "", 0
    try:
        model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())[1].strip()
        memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) / 2**20
    except (OSError, TypeError):
        pass
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux") if os.path.exists("/etc/os-release") else "?"
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{model or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}, Linux {kernel}"


def new_record(peer, protocol, scenario, job):
    at_once = {"throughput": job.concurrency, "stream": job.concurrency, "reuse": 1}.get(scenario, job.requests)
    streamed = {name: getattr(job, name) for name in ("record_bytes", "chunks", "chunk_bytes")}
    return {"scenario": scenario, "peer": peer.name, "limit": peer.limit, "protocol": protocol,
            "requests_at_once": at_once, "latency_ms": job.latency_ms, **(streamed if scenario == "stream" else {}),
            "version": peer.version, "machine": machine(), "measured": date.today().isoformat(), "runs": []}


def line(scenario, figures):
    """One run in one line."""
    if "ended" in figures:
        return figures["ended"]
    shown = {"throughput": ["requests_per_s", "cpu_us_per_request", "p99_ms"],
             "stream": ["chunks_per_s", "cpu_us_per_chunk"],
             "reuse": ["latency_ms_kept", "latency_ms_new", "cpu_us_kept", "cpu_us_new"]}.get(
                 scenario, ["wall_s", "cpu_us_per_request", "rss_kb_per_in_flight"])
    words = [f"{name} {short(figures[name])}" for name in shown if name in figures]
    if figures.get("failed"):
        words.append(f"FAILED {figures['failed']}: {figures.get('complaint', '')}")
    return ", ".join(words)


# --- reading ----------------------------------------------------------------------------------------------------------


def median(record, name):
    """The median of a figure over the runs that ended, or None. Ratios are those of each run."""
    values = [value for figures in record["runs"] if (value := figure(record, figures, name)) is not None]
    return statistics.median(values) if values else None


def figure(record, figures, name):
    if "ended" in figures:
        return None
    if name == "ratio":
        return figures["wall_s"] * 1000 / record["latency_ms"]
    if name == "beyond_latency_s":
        return max(figures["wall_s"] - record["latency_ms"] / 1000, 1e-4)
    if name == "server_busy":
        return figures["server"]["cpu_s"] / figures["wall_s"] if "server" in figures else None
    return figures.get(name)


def trouble(record):
    """What has to be said beside a figure, or in its place."""
    for figures in record["runs"]:
        if "ended" in figures:
            within = re.match(r"did not end within (\S+ s)", figures["ended"])
            return f"> {within[1]}" if within else "died"
        if figures.get("failed"):
            return f"{figures['failed']:,} of {figures['ok'] + figures['failed']:,} failed"
    return ""


def short(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class View:
    """The records by what one asks for."""

    def __init__(self, records):
        self.records = records

    def find(self, scenario, peer=None, protocol=None, at_once=None, latency_ms=None, record_bytes=None):
        wanted = dict(zip(KEY, (scenario, peer, protocol, at_once, latency_ms, record_bytes)))
        return [record for record in self.records
                if all(value is None or record.get(name) == value for name, value in wanted.items())]

    def points(self, scenario):
        """What the runs of a scenario differ in beside the client: at once, latency, and of streams the records."""
        names = [name for name in KEY[3:] if scenario == "stream" or name != "record_bytes"]
        return sorted({tuple(record[name] for name in names) for record in self.find(scenario)})

    def clients(self, scenarios, order):
        """Pairs of peer and protocol: by protocol, chorus first, then the others as they do, then the limits."""
        compared = [record for record in self.records if record["scenario"] in scenarios]
        pairs = {(record["peer"], record["protocol"]): record for record in compared}

        def rank(pair):
            first = self.find(scenarios[0], *pair)[:1]
            return (pair[1], pair[0] != OURS, pairs[pair]["limit"], not first, *map(order, first), pair[0])

        return sorted(pairs, key=rank)


# --- the table --------------------------------------------------------------------------------------------------------


def seconds(latency_ms):
    return f"{latency_ms / 1000:g} s" if latency_ms >= 1000 else f"{latency_ms} ms"


def spelt(point):
    return f"{point[0]:,} at {seconds(point[1])}"


def records_spelt(record_bytes):
    return f"records of {record_bytes / 1024:g} KB" if record_bytes else "a TLS record a chunk"


def memory_point(view):
    """Where memory is compared: 10,000 at once if that was measured, with the longest latency."""
    points = [point for point in view.points("fanout") if point[0] <= 10_000]
    return max(points) if points else None


def columns(view):
    """The title of each column, the scenario and point it is read from, and the figure or figures."""
    made = []
    for point in view.points("throughput"):
        made.append((f"requests/s, {point[0]} at once", "throughput", point, ["requests_per_s"]))
        made.append(("CPU a request, us", "throughput", point, ["cpu_us_per_request"]))
    for point in view.points("fanout"):
        made.append((f"wall / latency, {spelt(point)}", "fanout", point, ["ratio"]))
    if point := memory_point(view):
        made.append((f"KB a request in flight, {spelt(point)}", "fanout", point, ["rss_kb_per_in_flight"]))
    for point in view.points("reuse"):
        made.append(("ms a request, kept / new client", "reuse", point, ["latency_ms_kept", "latency_ms_new"]))
        made.append(("CPU us a request, kept / new client", "reuse", point, ["cpu_us_kept", "cpu_us_new"]))
    return made


def stream_columns(view):
    made = []
    for point in view.points("stream"):
        made.append((f"CPU a chunk, us, {records_spelt(point[2])}", "stream", point, ["cpu_us_per_chunk"]))
        made.append(("chunks/s", "stream", point, ["chunks_per_s"]))
    return made


def cell(view, pair, scenario, point, names):
    found = view.find(scenario, *pair, *point)
    if not found:
        return "-"
    values = [median(found[0], name) for name in names]
    told = trouble(found[0])
    if any(value is None for value in values):
        return told or "-"
    text = " / ".join(map(short, values))
    return f"{text} ({told})" if told else text


def markdown(rows):
    rule = ["---"] + ["---:"] * (len(rows[0]) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def comparison(view, clients, said):
    rows = [["client"] + [title for title, *_ in said]]
    for pair in clients:
        name = f"{pair[0]}, {LABEL[pair[1]]}"
        rows.append([f"**{name}**" if pair[0] == OURS else name] + [cell(view, pair, *rest) for _, *rest in said])
    return markdown(rows)


def table(view):
    """Markdown: what was measured and how, one table of all clients, one of their streams, the scaling of chorus."""
    parts = [caption(view)]
    if clients := view.clients(*COMPARED):
        parts.append(comparison(view, clients, columns(view)))
    if clients := view.clients(*STREAMED):
        parts += [stream_caption(view), comparison(view, clients, stream_columns(view))]
    if view.points("scale"):
        rows = [["in flight at once", "latency", "wall", "CPU a request, us", "KB a request in flight", "failed"]]
        for at_once, latency_ms in view.points("scale"):
            record = view.find("scale", at_once=at_once, latency_ms=latency_ms)[0]
            wall = median(record, "wall_s")
            rows.append([f"{at_once:,}", seconds(latency_ms), f"{wall:.2f} s" if wall else trouble(record),
                         short(median(record, "cpu_us_per_request")), short(median(record, "rss_kb_per_in_flight")),
                         f"{max((figures.get('failed', 0) for figures in record['runs']), default=0):,}"])
        parts += ["chorus alone, HTTP/2, one process and one thread:", markdown(rows)]
    return "\n\n".join(parts) + "\n"


def busiest(view, scenario):
    busy = [median(record, "server_busy") for record in view.find(scenario) if median(record, "server_busy")]
    return f" In the {scenario} runs the server was busy for up to {max(busy):.0%} of its core." if busy else ""


def caption(view):
    machines = sorted({record["machine"] for record in view.records})
    days = sorted({record["measured"] for record in view.records})
    runs = sorted({len(record["runs"]) for record in view.records})
    versions = {}  # of each peer, in the order measured: not all scenarios are measured on one day
    for record in view.records:
        of_peer = versions.setdefault(record["peer"], [])
        if record["version"] not in of_peer:
            of_peer.append(record["version"])
    told = [said if said.startswith(peer + " ") else f"{peer} ({said})"
            for peer, all_of_it in sorted(versions.items()) for said in [" and ".join(all_of_it)]]
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    count = str(runs[0]) if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    return (
        f"Measured {when} on {'; '.join(machines)}. Each client is one process on one core; chorus's mock server has"
        f" another. All speak TLS. Medians of {count} interleaved runs. Every answer is decoded and compared with its"
        f" prompt, certificates are verified, retries are off. wrk and h2load do none of that: they are the limit."
        f"{busiest(view, 'throughput')}"
        f" CPU is user and system time of the client. Fan-out begins without connections; its wall time is divided by"
        f" the latency of the server, and \"> 60 s\" did not end in that time. KB in flight is the growth of"
        f" the process over the requests at once, connections included. \"-\": not measured, or the client cannot.\n\n"
        f"Versions: {'; '.join(told)}.")


def stream_caption(view):
    """What the streams were; all records of a point have the same."""
    shapes = sorted({tuple(record[name] for name in ("requests_at_once", "chunks", "chunk_bytes"))
                     for record in view.find("stream")})
    told = "; ".join(f"{at_once} at once, {chunks} chunks of {size} bytes each" for at_once, chunks, size in shapes)
    return (
        f"Streamed answers, {told}, as fast as the client takes them. The server writes each chunk as a TLS record of"
        f" its own, or gathers them to records of 16 KB. Every event is decoded; a stream counts if it brought all of"
        f" its chunks, the finish reason \"stop\" and the text that belongs to its prompt. h2load and libcurl-undecoded"
        f" are the limit: the one reads the bytes, the other counts the lines with data and decodes none."
        f"{busiest(view, 'stream')}")


# --- the charts -------------------------------------------------------------------------------------------------------


def bars(view, scenario, point, name, reverse=False):
    """Groups of rows for a chart: by protocol, the least value first (or last), those without one at the end."""
    groups = []
    for protocol in LABEL:
        rows = []
        for peer, its_protocol in view.clients(*COMPARED):
            found = view.find(scenario, peer, protocol, *point) if its_protocol == protocol else []
            value = median(found[0], name) if found else None
            words = short(value) if value is not None else trouble(found[0]) if found else ""
            if words:
                kind = "ours" if peer == OURS else "limit" if found[0]["limit"] else "peer"
                rows.append(charts.Bar(peer, value, words, kind))
        if rows:
            without = [row for row in rows if row.value is None]
            rows = sorted((row for row in rows if row.value is not None), key=lambda row: row.value, reverse=reverse)
            groups.append((LABEL[protocol], rows + without))
    return groups


def draw(view):
    """File name and SVG of each chart for which there are records."""
    drawn = {}
    for point in view.points("throughput"):
        groups = bars(view, "throughput", point, "requests_per_s", reverse=True)
        drawn["throughput.svg"] = charts.bar_chart(
            f"Requests a second, {point[0]} at once", "One core for the client; longer is better. Linear.", groups)
        drawn["cpu.svg"] = charts.dot_chart(
            "CPU time of the client for a request", f"Microseconds, {point[0]} at once; further left is better.",
            bars(view, "throughput", point, "cpu_us_per_request"))
    if point := memory_point(view):
        groups = bars(view, "fanout", point, "rss_kb_per_in_flight")
        drawn["memory.svg"] = charts.bar_chart(
            f"Memory for a request in flight, {point[0]:,} at once",
            "KB of the client's process, connections and TLS included; shorter is better. Linear scale.", groups)
    if points := view.points("fanout"):
        headings = [(f"{point[0]:,}", f"at {seconds(point[1])}") for point in points]
        drawn["fanout.svg"] = panels(
            view, COMPARED, "fanout", "ratio", headings, "Fan-out: wall time over the latency of the server",
            "All requests at once, without open connections. 1 is perfect; further left is better.", mark=1)
    if points := view.points("stream"):
        headings = [(f"{point[0]:,} at once,", records_spelt(point[2])) for point in points]
        drawn["stream.svg"] = panels(
            view, STREAMED, "stream", "cpu_us_per_chunk", headings, "CPU time of the client for a streamed chunk",
            "Microseconds; further left is better.")
    if points := view.points("scale"):
        drawn["scaling.svg"] = scaling_chart(view, points)
    return drawn


def panels(view, compared, scenario, name, headings, title, note, mark=None):
    """A chart with a panel for each point of a scenario, and in it the figure of this name of each client."""
    clients = [pair for pair in view.clients(*compared) if view.find(scenario, *pair)]
    drawn = []
    for heading, point in zip(headings, view.points(scenario)):
        cells = {}
        for pair in clients:
            found = view.find(scenario, *pair, *point)
            if found:
                value = median(found[0], name)
                cells[pair] = (value, short(value) if value is not None else trouble(found[0]))
        drawn.append((heading, cells))
    groups = {}
    for pair in clients:
        limit = any(record["limit"] for record in view.find(scenario, *pair))
        kind = "ours" if pair[0] == OURS else "limit" if limit else "peer"
        groups.setdefault(LABEL[pair[1]], []).append((pair, pair[0], kind))
    return charts.panel_chart(title, note, groups.items(), drawn, mark)


def scaling_chart(view, points):
    def line_of(name):
        found = [(at_once, median(view.find("scale", at_once=at_once, latency_ms=latency_ms)[0], name))
                 for at_once, latency_ms in points]
        return [(x, y) for x, y in found if y is not None]

    latencies = "; ".join(f"{seconds(latency)} up to {max(n for n, same in points if same == latency):,}"
                          for latency in sorted({latency for _, latency in points}))
    return charts.line_charts(
        "chorus from 1 request in flight to " + f"{points[-1][0]:,}",
        f"HTTP/2, one thread, one core. Latency of the server: {latencies}.", "requests in flight at once",
        [("wall time beyond the latency, s", line_of("beyond_latency_s")),
         ("CPU a request, us", line_of("cpu_us_per_request")),
         ("KB a request in flight", line_of("rss_kb_per_in_flight"))])


def render(records, folder):
    """Writes the table and the charts, and returns the paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    view = View(records)
    written = {"table.md": table(view)} | draw(view)
    for name, text in written.items():
        (folder / name).write_text(text)
    return [folder / name for name in written]
