// What a client does, as rows of the table of what is cancelled everywhere.
#include <chorus/async/awaitable.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/structured/complete_as.hpp>
#include <chorus/structured/stream_as.hpp>
#include <chorus/tools/run_tools.hpp>

#include <boost/describe/class.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "cancelled_operations.hpp"

namespace sample {

struct weather {
    std::string city;
    int degrees = 0;
};
BOOST_DESCRIBE_STRUCT(weather, (), (city, degrees))

}  // namespace sample

namespace chorus::simulation {
namespace cancelled_clients_tests {
namespace {

using namespace std::chrono_literals;
using testing::mock_reply;
using testing::mock_request;

/// The echo of a question that is JSON is an answer that is JSON.
constexpr std::string_view warm = R"({"city":"Ulm","degrees":21})";

void answer_with_json(stage& world) {
    world.server->service().script().in_any_order();
    world.server->service()
        .script()
        .expect()
        .times(SIZE_MAX)
        .prompt("How warm?")
        .reply_with([](const mock_request& request, mock_reply& reply) {
            if (request.body.find(R"("stream":true)") == std::string::npos) {
                testing::append_completion(reply.body, "c1", "model", request.prompt, warm);
                reply.headers.add("content-type", "application/json");
            } else {
                reply.streamed().source(testing::openai_events("c1", "model", request.prompt,
                                                               testing::mock_text(std::string(warm)), false));
                reply.headers.add("content-type", "text/event-stream");
            }
        });
    world.server->service().script().expect().times(SIZE_MAX);
}

/// The first answers are refusals that pass.
void refuse_twice(stage& world) {
    world.server->service().script().expect().times(2).reply_error(503, "server_error", "", "busy");
}

void list_on_two_pages(stage& world) {
    world.server->service().script().in_any_order();
    world.server->service()
        .script()
        .expect()
        .times(SIZE_MAX)
        .path("/v1/models")
        .reply_with([](const mock_request& request, mock_reply& reply) {
            const bool is_last = request.target.find("after=b") != std::string::npos;
            reply.headers.add("content-type", "application/json");
            reply.body = is_last ? R"({"object":"list","data":[{"id":"c","object":"model"}],"has_more":false})"
                                 : R"({"object":"list","data":[{"id":"a","object":"model"},)"
                                   R"({"id":"b","object":"model"}],"first_id":"a","last_id":"b","has_more":true})";
        });
    world.server->service().script().expect().times(SIZE_MAX);
}

void speak_to_anthropic(stage& world) {
    anthropic api;
    api.api_key("sk-simulated").base_url(world.server->where().to_string());
    world.other = std::make_unique<client>(world.get_executor(), api, world.transport, world.options);
}

awaitable<error> complete_bulk(stage& world) {
    const std::string text(1'500, 'x');
    chat_request request("model");
    request.user(text);
    const auto reply = co_await world.llm->try_complete(std::move(request));
    if (!reply) co_return reply.error();
    co_return reply->text() == "echo: " + text ? error() : wrong("the echo");
}

const operation table[] = {
    {"try_complete", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"complete", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->complete(stage::question());
         co_return judged(reply);
     }},
    {"async_complete", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->async_complete(stage::question(), use_awaitable);
         co_return judged(reply);
     }},
    {"try_complete_on_an_open_connection", over::both, tells::by_error, nullptr,
     [](stage& world) {
         world.add_neighbour();
         world.rest();
     },
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"try_complete_beside_others", over::both, tells::by_error, nullptr,
     [](stage& world) {
         world.add_neighbour();
         world.run_until([&] { return world.pool_stats().in_use == 1; });
         world.add_neighbour();
     },
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"try_complete_waiting_for_the_pool", over::both, tells::by_error,
     [](stage& world) {
         world.pool.max_connections = world.pool.max_connections_per_origin = 1;
         world.behaviour.max_concurrent_streams(1);
     },
     [](stage& world) {
         world.add_neighbour();
         world.run_until([&] { return world.pool_stats().in_use == 1; });
     },
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"try_complete_connecting_in_vain_first", over::both, tells::by_error,
     [](stage& world) {
         world.options.connect_timeout(50ms);
         world.first_connection_hangs = true;
     },
     nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"try_complete_of_much_through_narrow_buffers", over::both, tells::by_error,
     [](stage& world) {
         world.wire.to_server.buffer_bytes = world.wire.to_client.buffer_bytes = 500;
         world.behaviour.chunk_bytes(400);
     },
     nullptr, &complete_bulk},
    {"try_complete_retried", over::both, tells::by_error, nullptr, &refuse_twice,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},
    {"try_complete_lost_and_sent_again", over::both, tells::by_error, nullptr,
     [](stage& world) { world.server->service().script().expect().drop(); },
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_complete(stage::question());
         co_return judged(reply);
     }},

    {"stream_next", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         for (;;) {
             const auto event = co_await answer.next();
             if (!event) break;
         }
         co_return judged(answer.accumulated());
     }},
    {"stream_try_next", over::both, tells::either, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         for (;;) {
             const auto event = co_await answer.try_next();
             if (!event) co_return event.error();
             if (!*event) break;
         }
         co_return judged(answer.accumulated());
     }},
    {"stream_try_finish", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         const auto whole = co_await answer.try_finish();
         co_return judged(whole);
     }},
    {"stream_finish", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         const auto whole = co_await answer.finish();
         co_return judged(whole);
     }},
    {"stream_for_each", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         std::string text;
         auto answer = world.llm->stream(stage::question());
         const auto whole = co_await answer.for_each([&](const chat_event& event) {
             if (const auto* piece = std::get_if<text_event>(&event)) text += piece->text;
         });
         co_return text == whole.text() ? judged(whole) : wrong(text);
     }},
    {"stream_read_slowly", over::http1, tells::either, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         for (;;) {
             const auto event = co_await answer.try_next();
             if (!event) co_return event.error();
             if (!*event) break;
             co_await sleep_for(7ms);
         }
         co_return judged(answer.accumulated());
     }},
    {"stream_left_after_its_first_event", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         const auto event = co_await answer.try_next();
         if (!event) co_return event.error();
         co_return *event ? error() : wrong("it ended early");
     }},
    {"stream_tried_again_after_an_error_inside", over::both, tells::by_error, nullptr,
     [](stage& world) {
         const std::string failure = R"({"error":{"message":"busy","type":"server_error","code":null}})";
         world.server->service().script().in_any_order();
         world.server->service().script().expect().body_contains(R"("stream":true)").reply_events({failure});
         world.server->service().script().expect().times(SIZE_MAX);
     },
     [](stage& world) -> awaitable<error> {
         auto answer = world.llm->stream(stage::question());
         const auto whole = co_await answer.try_finish();
         co_return judged(whole);
     }},

    {"try_embed", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         embedding_request request("model");
         request.input("one").input("two").input("three").input("four").input("five").batch_size(1);
         const auto reply = co_await world.llm->try_embed(std::move(request));
         if (!reply) co_return reply.error();
         co_return reply->size() == 5 ? error() : wrong(std::to_string(reply->size()));
     }},
    {"embed", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->embed(embedding_request("model").input("one"));
         co_return reply.size() == 1 ? error() : wrong(std::to_string(reply.size()));
     }},
    {"try_models_of_several_pages", over::both, tells::by_error, nullptr, &list_on_two_pages,
     [](stage& world) -> awaitable<error> {
         const auto all = co_await world.llm->try_models();
         if (!all) co_return all.error();
         co_return all->size() == 3 ? error() : wrong(std::to_string(all->size()));
     }},
    {"try_model", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto found = co_await world.llm->try_model("mock-model");
         if (!found) co_return found.error();
         co_return found->id == "mock-model" ? error() : wrong(found->id);
     }},
    {"try_moderate", over::both, tells::by_error, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->try_moderate(moderation_request("model").text("peace"));
         if (!reply) co_return reply.error();
         co_return reply->results().size() == 1 ? error() : wrong("the results");
     }},
    {"try_count_tokens", over::both, tells::by_error, nullptr, &speak_to_anthropic,
     [](stage& world) -> awaitable<error> {
         const auto count = co_await world.other->try_count_tokens(stage::question());
         if (!count) co_return count.error();
         co_return *count > 0 ? error() : wrong(std::to_string(*count));
     }},
    {"models", over::http1, tells::by_exception, nullptr, &list_on_two_pages,
     [](stage& world) -> awaitable<error> {
         const auto all = co_await world.llm->models();
         co_return all.size() == 3 ? error() : wrong(std::to_string(all.size()));
     }},
    {"model", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const model_info found = co_await world.llm->model("mock-model");
         co_return found.id == "mock-model" ? error() : wrong(found.id);
     }},
    {"moderate", over::http1, tells::by_exception, nullptr, nullptr,
     [](stage& world) -> awaitable<error> {
         const auto reply = co_await world.llm->moderate(moderation_request("model").text("peace"));
         co_return reply.results().size() == 1 ? error() : wrong("the results");
     }},
    {"count_tokens", over::http1, tells::by_exception, nullptr, &speak_to_anthropic,
     [](stage& world) -> awaitable<error> {
         const std::int64_t count = co_await world.other->count_tokens(stage::question());
         co_return count > 0 ? error() : wrong(std::to_string(count));
     }},
    {"close", over::both, tells::by_exception, [](stage& world) { world.is_closed_after = true; },
     [](stage& world) {
         world.add_neighbour();
         world.run_until([&] { return world.pool_stats().in_use == 1; });
     },
     [](stage& world) -> awaitable<error> {
         co_await world.llm->close();
         co_return world.neighbours_served == 1 ? error() : wrong("a call was left behind");
     }},

    {"try_complete_as", over::both, tells::by_error, nullptr, &answer_with_json,
     [](stage& world) -> awaitable<error> {
         const auto found =
             co_await try_complete_as<sample::weather>(*world.llm, chat_request("model").user("How warm?"));
         if (!found) co_return found.error();
         co_return found->value.degrees == 21 ? error() : wrong(found->value.city);
     }},
    {"complete_as", over::http1, tells::by_exception, nullptr, &answer_with_json,
     [](stage& world) -> awaitable<error> {
         const auto found = co_await complete_as<sample::weather>(*world.llm, chat_request("model").user("How warm?"));
         co_return found.degrees == 21 ? error() : wrong(found.city);
     }},
    {"stream_as_left_after_its_first_value", over::both, tells::by_error, nullptr,
     [](stage& world) {
         // What a second choice says, and an empty piece, are none of the value.
         const auto piece = [](int choice, const std::string& text) {
             return R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"model","choices":[{"index":)" +
                    std::to_string(choice) + R"(,"delta":{"content":")" + text + R"("},"finish_reason":null}]})";
         };
         world.server->service().script().in_any_order();
         world.server->service()
             .script()
             .expect()
             .times(SIZE_MAX)
             .body_contains(R"("stream":true)")
             .reply_events({piece(1, "a"), piece(1, "b"), piece(0, R"({\"city\":\"Ulm\",\"degrees\":2)"),
                            piece(0, "1}"), "[DONE]"});
         world.server->service().script().expect().times(SIZE_MAX);
     },
     [](stage& world) -> awaitable<error> {
         auto answer = stream_as<sample::weather>(*world.llm, chat_request("model").user("How warm?"));
         const auto so_far = co_await answer.try_next();
         if (!so_far) co_return so_far.error();
         co_return *so_far && (*so_far)->city == "Ulm" ? error() : wrong("the first value");
     }},
    {"stream_as", over::http1, tells::by_exception, nullptr, &answer_with_json,
     [](stage& world) -> awaitable<error> {
         auto answer = stream_as<sample::weather>(*world.llm, chat_request("model").user("How warm?"));
         for (;;) {
             const auto so_far = co_await answer.next();
             if (!so_far) break;
         }
         const auto whole = answer.answer();
         co_return whole && whole->value.degrees == 21 ? error() : wrong("the value");
     }},
};

}  // namespace
}  // namespace cancelled_clients_tests

std::span<const operation> operations_of_clients() {
    return cancelled_clients_tests::table;
}

}  // namespace chorus::simulation
