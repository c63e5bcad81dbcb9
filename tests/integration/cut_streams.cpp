// Streams that break off at every byte, in each format and over both versions of HTTP: the client tells it each time.
#include <chorus/chat_stream.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai_responses.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::cut_streams_tests {
namespace {

using testing::mock_options;
using testing::mock_server;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

/// A format, and a stream in it that says "One two.".
struct dialect {
    std::shared_ptr<const provider> api;
    std::vector<std::string> events;
    std::size_t last_needed;  ///< the event that ends the answer, if the body then ends in order
};

/// Short events: each byte of them costs a call.
std::vector<dialect> dialects(const std::string& base_url, bool with_strict) {
    const openai gpt = openai(&no_environment).base_url(base_url).api_key("k");
    const std::vector<std::string> chunks = {"data: {\"choices\":[{\"delta\":{\"content\":\"One \"}}]}\n\n",
                                             "data: {\"choices\":[{\"delta\":{\"content\":\"two.\"}}]}\n\n",
                                             "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
                                             "data: [DONE]\n\n"};
    std::vector<dialect> all = {
        {gpt.make(), chunks, 2},
        {anthropic(&no_environment).base_url(base_url).api_key("k").make(),
         {"data: {\"type\":\"message_start\",\"message\":{}}\n\n",
          "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\"}}\n\n",
          "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"One "
          "two.\"}}\n\n",
          "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
          "data: {\"type\":\"message_stop\"}\n\n"},
         4},
        {openai_responses(gpt),
         {"data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"One \"}\n\n",
          "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"two.\"}\n\n",
          "data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\"}}\n\n"},
         2},
    };
    if (with_strict) all.push_back({compatible(base_url, openai_quirks().requires_done()).make(), chunks, 3});
    return all;
}

std::string joined(const std::vector<std::string>& events, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += events[i];
    return all;
}

/// The response of HTTP/1.1, a chunk an event.
std::string on_the_wire(const std::vector<std::string>& events) {
    std::string all = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    for (const std::string& each : events) {
        constexpr std::string_view digits = "0123456789abcdef";
        const char size[] = {digits[each.size() / 16], digits[each.size() % 16], '\0'};
        all += size + ("\r\n" + each) + "\r\n";
    }
    return all + "0\r\n\r\n";
}

/// What came of one stream.
awaitable<void> expect_outcome(client& llm, std::string_view name, std::size_t cut, bool is_whole) {
    auto stream = std::make_shared<chat_stream>(llm.stream(chat_request("m").user("Count.").max_tokens(9)));
    const result<chat_response> outcome = co_await stream->try_finish();
    CO_ASSERT_EQ(outcome.has_value(), is_whole) << name << " cut at byte " << cut;
    if (outcome) {
        EXPECT_EQ(outcome->text(), "One two.") << name << cut;
        co_return;
    }
    // Not one of the timeouts, which would be a hang.
    const error& cut_off = outcome.error();
    EXPECT_TRUE(cut_off == errc::truncated || cut_off == errc::connection_lost)
        << name << " cut at byte " << cut << ": " << cut_off.message();
    if (cut_off.partial() != nullptr) {
        EXPECT_TRUE(std::string_view("One two.").starts_with(cut_off.partial()->text())) << name << cut;
    }
}

enum class way { connection_dies, body_ends_in_order };

awaitable<void> cut_everywhere(executor ex, http::protocol version, way how) {
    mock_options behaviour;
    behaviour.plain();
    auto options = client_options().max_attempts(1).proxy(policy::proxy_settings::none());
#ifdef CHORUS_WITH_HTTP2
    behaviour.http2(version == http::protocol::http2);
    if (version == http::protocol::http2) options.protocol(version);
#endif
    mock_server server(ex, behaviour);
    // Which event ends the answer matters only where the body ends behind it.
    for (const dialect& each : dialects(server.base_url(), how == way::body_ends_in_order)) {
        client llm(ex, each.api, options);
        const std::string body = joined(each.events, each.events.size());
        const std::string raw = on_the_wire(each.events);
        const bool is_raw = how == way::connection_dies && version != http::protocol::http2;
        // The answer is complete with the empty line behind its last event; where the body ends, without it.
        std::size_t enough = is_raw ? raw.size() - std::string_view("\r\n0\r\n\r\n").size() : body.size();
        if (how == way::body_ends_in_order) enough = joined(each.events, each.last_needed + 1).size() - 2;
        for (std::size_t cut = 0; cut <= (is_raw ? raw : body).size(); ++cut) {
            if (is_raw) {
                server.expect().reply_raw(raw).drop_after(cut);
            } else if (how == way::connection_dies) {
                server.expect().reply_sse_pieces(each.events).drop_after(cut);
            } else {
                server.expect().reply_sse(body.substr(0, cut));
            }
            co_await expect_outcome(llm, each.api->name(), cut, cut >= enough);
        }
    }
}

CHORUS_TEST(cut_streams, over_http1_a_dead_connection_is_no_end) {
    co_await cut_everywhere(get_executor(), http::protocol::http1, way::connection_dies);
}

CHORUS_TEST(cut_streams, over_http1_an_end_in_order_is_no_end_of_the_answer) {
    co_await cut_everywhere(get_executor(), http::protocol::http1, way::body_ends_in_order);
}

#ifdef CHORUS_WITH_HTTP2
CHORUS_TEST(cut_streams, over_http2_a_dead_connection_is_no_end) {
    co_await cut_everywhere(get_executor(), http::protocol::http2, way::connection_dies);
}

CHORUS_TEST(cut_streams, over_http2_an_end_in_order_is_no_end_of_the_answer) {
    co_await cut_everywhere(get_executor(), http::protocol::http2, way::body_ends_in_order);
}
#endif

}  // namespace
}  // namespace chorus::cut_streams_tests
