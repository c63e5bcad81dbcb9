// Streamed answers, decoded to events: what a chunk costs, how late it is, and what an open stream holds.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/run.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/chat_stream.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/options.hpp"
#include "support/report.hpp"
#include "support/stopwatch.hpp"
#include "support/tally.hpp"
#include "support/target.hpp"

namespace {

constexpr std::string_view usage = R"(Usage: streaming [options]
Keeps a fixed number of streams open until all have ended, and counts their chunks.

  --streams N         (default: 1000)
  --concurrency C     streams open at once (default: 64)
  --chunks K          pieces of text in each stream (default: 200)
  --chunk-bytes B     the size of the event that brings one (default: 220)
  --record-bytes R    gathers so much before it is written, as one TLS record; 0: a record a chunk (default: 0)
  --interval-ms I     between the chunks of a stream; 0: as fast as they are taken (default: 0)
  --staggered         the first C streams begin one after the other, over the time that one takes; so do all that follow
  --stamped           the server writes into each chunk when it made it, and the report says how late chunks are:
                      late_p50_ms and late_p99_ms of all chunks; first_late_p50_ms and first_late_p99_ms of the first
                      chunks of streams that began while the C - 1 others were open (so: N greater than C)
)";

struct streaming_settings : bench::settings {
    std::size_t streams = 1000;
    std::size_t concurrency = 64;
    std::size_t chunks = 200;
    std::size_t chunk_bytes = 220;
    std::size_t record_bytes = 0;
    std::size_t interval_ms = 0;
    bool stamped = false;
    bool staggered = false;
};

/// One clock for both processes.
long long now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::size_t stamped_chunks = 0;

/// Makes the server say in each chunk when it made it.
void stamp_chunks(chorus::testing::mock_server& server) {
    server.expect().times(SIZE_MAX).reply_with([](const chorus::testing::mock_request&,
                                                  chorus::testing::mock_reply& reply) {
        reply.headers.add("content-type", "text/event-stream");
        reply.streamed().source(chorus::testing::mock_pieces([sent = std::size_t{0}](std::string& out) mutable {
            const bool is_last = ++sent > stamped_chunks;
            out += R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,)";
            out += is_last ? std::string(R"("delta":{},"finish_reason":"stop"}]})")
                           : R"("delta":{"content":")" + std::to_string(now_ns()) + R"( "},"finish_reason":null}]})";
            out += is_last ? "\n\ndata: [DONE]\n\n" : "\n\n";
            return !is_last;
        }));
    });
}

/// What became of the chunks.
struct chunk_tally {
    explicit chunk_tally(std::size_t streams) { first_ms.reserve(streams); }

    std::size_t chunks = 0;
    std::vector<float> first_ms;       // from the call to its first chunk
    std::vector<float> late_ms;        // from the making of a chunk to its event
    std::vector<float> first_late_ms;  // the same of first chunks, once as many streams are open as ever
    std::size_t all_open = 0;          // so many streams are open at once where all are
    std::size_t heap_open = 0;         // the bytes held when each of these had brought a chunk
    std::size_t open_then = 0;         // streams: some may have ended by then

    void first_chunk(bench::milliseconds waited, std::size_t open) {
        first_ms.push_back(static_cast<float>(waited.count()));
        if (first_ms.size() != all_open) return;
        heap_open = bench::heap_bytes();
        open_then = open;
    }
};

/// How long ago a stamped chunk was made.
float lateness_ms(std::string_view text) {
    long long made = 0;
    std::from_chars(text.data(), text.data() + text.size(), made);
    return static_cast<float>(static_cast<double>(now_ns() - made) / 1e6);
}

/// Whether a text is `echo: PROMPT echo: PROMPT ...`, wherever it was cut off.
bool is_echo(std::string_view text, const std::string& prompt) {
    const std::string unit = "echo: " + prompt + " ";
    for (; !text.empty(); text.remove_prefix(std::min(unit.size(), text.size()))) {
        if (!unit.starts_with(text.substr(0, unit.size()))) return false;
    }
    return true;
}

/// When a stream of the first ones begins.
std::chrono::nanoseconds turn_of(std::size_t index, const streaming_settings& wanted) {
    const std::chrono::nanoseconds stream = std::chrono::milliseconds(wanted.interval_ms * wanted.chunks);
    return stream * index / wanted.concurrency;
}

chorus::awaitable<void> read_one(const bench::target& server, chorus::client& llm, const streaming_settings& wanted,
                                 std::size_t index, bench::tally& counts, chunk_tally& pieces) {
    const bool is_of_the_first = index < wanted.concurrency;
    if (wanted.staggered && is_of_the_first) co_await chorus::sleep_for(turn_of(index, wanted));
    const auto started = std::chrono::steady_clock::now();
    counts.begin();
    std::size_t chunks = 0;
    auto answer = llm.stream(server.question(index));
    const auto take = [&](const chorus::chat_event& event) {
        const auto* piece = std::get_if<chorus::text_event>(&event);
        if (piece == nullptr) return;
        if (chunks++ == 0) {
            pieces.first_chunk(std::chrono::steady_clock::now() - started, counts.under_way());
        }
        if (!wanted.stamped) return;
        pieces.late_ms.push_back(lateness_ms(piece->text));
        // Of the others each began when one had ended, and the rest were open.
        if (chunks == 1 && !is_of_the_first) pieces.first_late_ms.push_back(pieces.late_ms.back());
    };
    const auto whole = co_await answer.try_for_each(take);
    pieces.chunks += chunks;
    if (!whole) {
        counts.fail(whole.error().message());
    } else if (whole->finish_reason() != "stop" || chunks != wanted.chunks) {
        counts.fail("a stream of " + std::to_string(chunks) + " chunks that ended with \"" +
                    std::string(whole->finish_reason()) + '"');
    } else if (!wanted.stamped && !wanted.any_answer && !is_echo(whole->text(), server.prompt(index))) {
        counts.fail("a text that does not repeat the prompt: " + std::string(whole->text().substr(0, 80)));
    } else {
        counts.succeed(std::chrono::steady_clock::now() - started);
    }
}

chorus::awaitable<int> measure(const bench::target& server, const streaming_settings& wanted) {
    const auto here = co_await chorus::this_coro::executor;
    auto options = chorus::client_options().max_attempts(1).max_connections(wanted.concurrency);
    auto llm = server.make_client(here, options);
    bench::tally counts(wanted.streams);
    chunk_tally pieces(wanted.streams);
    pieces.all_open = wanted.concurrency;
    const auto read = [&](std::size_t index) { return read_one(server, llm, wanted, index, counts, pieces); };
    const auto counted_already = [](std::size_t, const chorus::result<void>&) {};
    const std::size_t kb_before = bench::resident_kb();
    const bench::stopwatch all;
    co_await chorus::for_each_completed(std::views::iota(std::size_t{0}, wanted.streams), read,
                                        {.limit = wanted.concurrency}, counted_already);

    const double chunks = static_cast<double>(std::max<std::size_t>(pieces.chunks, 1));
    const double kb_grown = static_cast<double>(bench::peak_resident_kb()) - static_cast<double>(kb_before);
    bench::report figures;
    figures.add("streams", wanted.streams).add("concurrency", wanted.concurrency).add("chunks", pieces.chunks);
    figures.add("ok", counts.ok()).add("failed", counts.failed());
    figures.add("wall_s", all.wall_s());
    figures.add("chunks_per_s", chunks / all.wall_s());
    figures.add("cpu_us_per_chunk", all.cpu_us() / chunks);
    figures.add("rss_kb_per_stream", kb_grown / static_cast<double>(wanted.concurrency));
    // What is left at the end are the connections.
    figures.add("heap_kb_per_stream",
                (static_cast<double>(pieces.heap_open) - static_cast<double>(bench::heap_bytes())) / 1024 /
                    static_cast<double>(std::max<std::size_t>(pieces.open_then, 1)));
    figures.add("opened", llm.pool_stats().opened);
    figures.add("ttft_ms", bench::percentile(pieces.first_ms, 0.50));
    figures.add("ttft_p99_ms", bench::percentile(pieces.first_ms, 0.99));
    if (wanted.stamped) {
        figures.add("late_p50_ms", bench::percentile(pieces.late_ms, 0.50));
        figures.add("late_p99_ms", bench::percentile(pieces.late_ms, 0.99));
        figures.add("first_late_p50_ms", bench::percentile(pieces.first_late_ms, 0.50));
        figures.add("first_late_p99_ms", bench::percentile(pieces.first_late_ms, 0.99));
    }
    figures.print(std::cout, wanted.json);
    co_return counts.failed() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        streaming_settings wanted;
        bench::option_reader options(wanted);
        options.number("--streams", wanted.streams).number("--concurrency", wanted.concurrency);
        options.number("--chunks", wanted.chunks).number("--chunk-bytes", wanted.chunk_bytes);
        options.number("--record-bytes", wanted.record_bytes, 0).number("--interval-ms", wanted.interval_ms, 0);
        options.flag("--stamped", wanted.stamped).flag("--staggered", wanted.staggered);
        options.read(words);
        stamped_chunks = wanted.chunks;
        chorus::testing::mock_options served;
        served.stream_chunks(wanted.chunks).stream_chunk_bytes(wanted.chunk_bytes);
        served.stream_record_bytes(wanted.record_bytes);
        served.stream_interval(std::chrono::milliseconds(wanted.interval_ms));
        const bench::target server(wanted, served, wanted.stamped ? &stamp_chunks : nullptr);
        return chorus::run(measure(server, wanted));
    });
}
