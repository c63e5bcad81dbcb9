// What stands around a client, as rows of the table of what is cancelled everywhere: files, the exporter of spans, and
// the transports that record and replay.
#include <chorus/async/timeout.hpp>
#include <chorus/observe/otlp_exporter.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/read_file.hpp>
#include <chorus/testing/recorded_exchange.hpp>
#include <chorus/testing/recording_transport.hpp>
#include <chorus/testing/replaying_transport.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "cancelled_operations.hpp"

namespace chorus::simulation {
namespace cancelled_surroundings_tests {
namespace {

using namespace std::chrono_literals;
using testing::recording_transport;
using testing::replaying_transport;

// --- files ------------------------------------------------------------------------------------------------------------

/// Its thread begins to read only when nothing else is left to happen, so that the steps of the loop are always the same.
void lay_out_files(stage& world) {
    world.occupy_threads();
    world.files = std::make_unique<testing_support::scratch_directory>();
    world.files->write("picture.png", "\x89PNG\r\n\x1a\n and so on");
    world.files->write("paper.pdf", "%PDF-1.7\n");
}

read_file_options by_threads_of(stage& world) {
    return {.pool = world.threads.get()};
}

// --- spans ------------------------------------------------------------------------------------------------------------

/// Three spans wait; a request takes one.
void collect_spans(stage& world) {
    auto& script = world.server->service().script();
    script.in_any_order();
    script.expect().times(SIZE_MAX).path("/v1/traces").reply(200, "{}");
    script.expect().times(SIZE_MAX);
    otlp_options each_apart;
    each_apart.endpoint = world.server->where().to_string();
    each_apart.most_in_request = 1;
    each_apart.limits.total = 60min;
    world.traces = std::make_shared<otlp_exporter>(world.transport, each_apart);
    for (int i = 0; i < 3; ++i) world.traces->on_end({.id = 1, .operation = "chat"}, {.total = 1s});
    world.spans_made = 3;
}

// --- recordings -------------------------------------------------------------------------------------------------------

void use(stage& world, std::shared_ptr<net::transport> through) {
    const openai api = openai().api_key("sk-simulated").base_url(world.server->base_url());
    world.other = std::make_unique<client>(world.get_executor(), api, std::move(through), world.options);
}

void record(stage& world) {
    const auto keep = [lines = world.recorded](std::string_view line) { lines->emplace_back(line); };
    use(world, std::make_shared<recording_transport>(world.transport, keep));
}

awaitable<error> complete_by_other(stage& world) {
    const auto reply = co_await world.other->try_complete(stage::question());
    co_return judged(reply);
}

awaitable<error> stream_by_other(stage& world) {
    auto answer = world.other->stream(stage::question());
    const auto reply = co_await answer.try_finish();
    co_return judged(reply);
}

/// Only its full recording is right.
awaitable<error> recorded_once(stage& world, awaitable<error> work) {
    const error failure = co_await std::move(work);
    if (failure.code()) co_return failure;
    co_return world.recorded->size() == 1 ? error() : wrong("the recording");
}

awaitable<void> make_recording(stage& world, awaitable<error> (*ask)(stage&)) {
    try {
        const error failure = co_await ask(world);
        if (failure.code()) world.complain("nothing is recorded: " + failure.message());
    } catch (...) {
        world.complain("nothing is recorded: " + error::from_exception(std::current_exception()).message());
    }
    ++world.neighbours_served;
}

/// Plays back what it has recorded, as slowly as that was.
void replay(stage& world, awaitable<error> (*ask)(stage&)) {
    record(world);
    world.add_neighbour(make_recording(world, ask));
    world.rest();
    world.recording = std::move(world.other);
    std::string lines;
    for (const std::string& line : *world.recorded) lines += line + '\n';
    use(world, replaying_transport::parse(lines, {.secrets = {}, .original_timing = true}).value());
}

const operation table[] = {
    {"read_file", over::none, tells::by_exception, &lay_out_files, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto part = co_await read_file(world.files->path("paper.pdf"), by_threads_of(world));
         if (!part) co_return part.error();
         co_return std::holds_alternative<file_part>(part->value) ? error() : wrong("the part");
     }},
    {"read_image", over::none, tells::by_exception, &lay_out_files, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto part = co_await read_image(world.files->path("picture.png"), "low", by_threads_of(world));
         if (!part) co_return part.error();
         co_return std::holds_alternative<image_part>(part->value) ? error() : wrong("the part");
     }},

    {"otlp_exporter_flush", over::both, tells::by_error, nullptr, &collect_spans,
     [](stage& world) -> awaitable<error> {
         const auto traces = world.traces;  // outlives what is awaited, also where the world is gone
         const auto flushed = co_await traces->flush();
         if (!flushed) co_return flushed.error();
         co_return traces->stats().exported == 3 ? error() : wrong("the spans");
     }},
    // It has no end of its own.
    {"otlp_exporter_export_every", over::both, tells::by_exception, nullptr, &collect_spans,
     [](stage& world) -> awaitable<error> {
         const auto traces = world.traces;
         try {
             co_await with_timeout(150ms, traces->export_every(20ms));
         } catch (const api_error& thrown) {
             if (thrown.error() != errc::timed_out) throw;
             co_return traces->stats().exported == 3 ? error() : wrong("the spans");
         }
         co_return wrong("it ended");
     }},

    {"try_complete_recorded", over::both, tells::by_error, nullptr, &record,
     [](stage& world) { return recorded_once(world, complete_by_other(world)); }},
    {"stream_recorded", over::both, tells::by_error, nullptr, &record,
     [](stage& world) { return recorded_once(world, stream_by_other(world)); }},
    {"try_complete_replayed", over::http1, tells::by_error, nullptr,
     [](stage& world) { replay(world, &complete_by_other); }, &complete_by_other},
    {"stream_replayed", over::http1, tells::by_error, nullptr, [](stage& world) { replay(world, &stream_by_other); },
     &stream_by_other},
};

}  // namespace
}  // namespace cancelled_surroundings_tests

std::span<const operation> operations_of_surroundings() {
    return cancelled_surroundings_tests::table;
}

}  // namespace chorus::simulation
