// Pains 9 to 17, 20 and 21: streams that hang, break off or hold what their reader did not foresee.
#include <chorus/async/task.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/azure.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai_responses.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <functional>
#include <set>
#include <variant>

#include "pains.hpp"

namespace chorus::pains::streams_tests {
namespace {

/// A client without a network that speaks another format.
client speak(executor ex, std::shared_ptr<const provider> format, std::shared_ptr<fake_transport> wire,
             const client_options& options = {}) {
    return client(ex, std::move(format), std::move(wire), client_options(options).max_attempts(1));
}
std::shared_ptr<const provider> anthropic_api() {
    return anthropic(&no_environment).api_key("k").make();
}
std::shared_ptr<const provider> responses_api() {
    return openai_responses(openai(&no_environment).api_key("k"));
}

/// One event of a format that names them, in its data too.
std::string named_event(const std::string& name, const std::string& members = {}) {
    return "event: " + name + R"(
data: {"type":")" +
           name + '"' + (members.empty() ? "" : "," + members) + "}\n\n";
}
std::string anthropic_text_event(const std::string& text) {
    return named_event("content_block_delta", R"("index":0,"delta":{"type":"text_delta","text":")" + text + "\"}");
}
std::string anthropic_beginning() {
    return named_event(
               "message_start",
               R"("message":{"id":"c1","role":"assistant","content":[],"model":"m","usage":{"input_tokens":1}})") +
           named_event("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})");
}
std::string anthropic_end(const std::string& reason = "end_turn") {
    return named_event("content_block_stop", R"("index":0)") +
           named_event("message_delta", R"("delta":{"stop_reason":")" + reason + R"("},"usage":{"output_tokens":2})") +
           named_event("message_stop");
}
std::string responses_text_event(const std::string& text) {
    return named_event("response.output_text.delta", R"("output_index":0,"content_index":0,"delta":")" + text + '"');
}
std::string responses_beginning() {
    return named_event("response.created", R"("response":{"id":"c1","status":"in_progress","model":"m","output":[]})") +
           named_event("response.output_item.added",
                       R"("output_index":0,"item":{"type":"message","id":"i1","role":"assistant","content":[]})");
}
std::string responses_end(const std::string& text, const std::string& other_item = {}) {
    const std::string item = R"({"type":"message","id":"i1","role":"assistant","status":"completed","content":)"
                             R"([{"type":"output_text","text":")" +
                             text + R"("}]})";
    return named_event("response.output_item.done", R"("output_index":0,"item":)" + item) +
           named_event("response.completed", R"("response":{"id":"c1","status":"completed","model":"m","output":[)" +
                                                 item + (other_item.empty() ? "" : "," + other_item) +
                                                 R"(],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}})");
}

// Streams hang forever, there is no idle timeout: anthropic-sdk-typescript#867, openai/codex#31376.
CHORUS_TEST(pain_09, a_stream_that_falls_silent_ends_by_default) {
    mock_server server(get_executor());
    server.expect().reply_sse_pieces({openai_text_event("half"), openai_text_event("never")}).hold_each();
    client llm = connect_to(get_executor(), server);
    auto reading = spawn(get_executor(), read_stream(llm));
    co_await sleep_for(1s);
    server.release();
    const auto whole = co_await std::move(reading);
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::idle_timed_out) << whole.error().message();
    EXPECT_EQ(std::chrono::round<std::chrono::minutes>(test_clock().elapsed()), 5min);
    CO_ASSERT_NE(whole.error().partial(), nullptr);
    EXPECT_EQ(whole.error().partial()->text(), "half");
    EXPECT_EQ(server.counters().requests, 1u) << "half an answer has been seen: it is not asked for again";
}

// Keep-alive comments reset the idle timer for ever: anomalyco/opencode#43519, Menci/Floway#498.
CHORUS_TEST(pain_10, signs_of_life_alone_do_not_keep_a_stream_by_default) {
    const auto fake = streaming(std::vector<std::string>(1000, ": keep-alive\n\n"), 30s);
    client llm = connect_to(get_executor(), fake, client_options().max_attempts(1));
    const auto whole = co_await read_stream(llm);
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::content_timed_out);
    EXPECT_EQ(test_clock().elapsed(), 6min);
}

// Healthy streams are killed because comments are ignored: openclaw#152535.
CHORUS_TEST(pain_10, a_model_that_thinks_for_long_is_alive_and_seen_to_be) {
    std::vector<std::string> pieces(24, ": thinking\n\n");
    pieces.push_back(openai_stream({"Done."}));
    const auto fake = streaming(std::move(pieces), 10s);
    http::limits limits;
    limits.idle = 15s;
    client llm = connect_to(get_executor(), fake, client_options().limits(limits));
    auto stream = llm.stream(question(), {.heartbeats = true});
    int beats = 0;
    const auto whole = co_await stream.try_for_each(
        [&beats](const chat_event& event) { beats += std::holds_alternative<heartbeat_event>(event) ? 1 : 0; });
    CO_ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_EQ(whole->text(), "Done.");
    EXPECT_EQ(beats, 24);
}

CHORUS_TEST(pain_10, pings_of_anthropic_keep_the_connection_and_are_no_content) {
    const std::string ping = named_event("ping");
    http::limits limits;
    limits.idle = 30s;
    limits.content_idle = 150s;
    for (const int pings : {5, 6}) {
        std::vector<std::string> pieces{anthropic_beginning()};
        for (int i = 0; i < pings; ++i) pieces.push_back(ping);
        pieces.push_back(anthropic_text_event("Done.") + anthropic_end());
        client llm =
            speak(get_executor(), anthropic_api(), streaming(std::move(pieces), 20s), client_options().limits(limits));
        const auto began = now(get_executor());
        auto stream = llm.stream(question().max_tokens(9), {.heartbeats = true});
        int beats = 0;
        const auto whole = co_await stream.try_for_each(
            [&beats](const chat_event& event) { beats += std::holds_alternative<heartbeat_event>(event) ? 1 : 0; });
        EXPECT_EQ(beats, pings);
        if (pings == 5) {
            CO_ASSERT_TRUE(whole) << whole.error().message();
            EXPECT_EQ(whole->text(), "Done.");
            continue;
        }
        CO_ASSERT_FALSE(whole);
        EXPECT_EQ(whole.error(), errc::content_timed_out);
        EXPECT_EQ(now(get_executor()) - began, 150s);
    }
}

// One vague timeout, which does not cover the body: mistralai/client-python#449, openai-node#419.
CHORUS_TEST(pain_11, each_limit_has_a_name_and_an_error_of_its_own) {
    struct {
        errc expected;
        std::chrono::milliseconds http::limits::*limit;
        bool plain;
        std::size_t stalled_connections;
        int calls;  // at once, over one connection: the last one is late
        bool is_streamed;
        std::function<void(testing::mock_step&)> reply;
    } const rows[] = {
        {errc::pool_timed_out, &http::limits::pool_wait, true, 0, 2, false, [](auto& step) { step.after(1h); }},
        {errc::tls_timed_out, &http::limits::tls, false, 1, 1, false, {}},
        {errc::first_byte_timed_out, &http::limits::first_byte, true, 0, 1, false, [](auto& step) { step.stall(); }},
        {errc::idle_timed_out, &http::limits::idle, true, 0, 1, true,
         [](auto& step) { step.reply_sse_pieces({": hello\n\n"}).hold_each(); }},
        {errc::idle_timed_out, &http::limits::idle, true, 0, 1, false, [](auto& step) { step.stall_after(20); }},
        {errc::content_timed_out, &http::limits::content_idle, true, 0, 1, true,
         [](auto& step) { step.reply_sse_pieces(std::vector<std::string>(99, ": hello\n\n")).every(1s); }},
        {errc::deadline_exceeded, &http::limits::total, true, 0, 1, false, [](auto& step) { step.stall_after(20); }},
    };
    std::set<std::string> messages;
    for (const auto& row : rows) {
        mock_server server(get_executor(), mock_options().plain(row.plain));
        server.stall_connections(row.stalled_connections);
        if (row.reply) row.reply(server.expect());
        http::limits limits;
        limits.*row.limit = 2s;
        client llm =
            connect_to(get_executor(), server, client_options().limits(limits).max_attempts(1).max_connections(1));
        const auto began = now(get_executor());
        std::vector<task<result<chat_response>>> calls;
        for (int i = 0; i < row.calls; ++i) {
            calls.push_back(spawn(get_executor(), row.is_streamed ? read_stream(llm) : llm.try_complete(question())));
        }
        const auto reply = co_await std::move(calls.back());
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), row.expected) << reply.error().message();
        EXPECT_EQ(reply.error(), condition::timeout);
        EXPECT_EQ(std::chrono::floor<std::chrono::seconds>(now(get_executor()) - began), 2s) << reply.error().message();
        messages.insert(reply.error().code().message());
    }
    EXPECT_EQ(messages.size(), std::size(rows) - 1) << "silence is told alike of streams and of whole responses";
}

CHORUS_TEST(pain_11, a_host_that_is_silent_and_a_peer_that_takes_nothing_have_their_own_too) {
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);  // HTTP/2's greeting: RFC 9113, 6.5
    const struct {
        errc expected;
        phase stage;
        std::chrono::milliseconds http::limits::*limit;
        http::protocol protocol;
    } rows[] = {
        {errc::connect_timed_out, phase::connect, &http::limits::connect, http::protocol::http1},
        {errc::write_timed_out, phase::write, &http::limits::write, http::protocol::http1},
#ifdef CHORUS_WITH_HTTP2
        {errc::write_timed_out, phase::write, &http::limits::write, http::protocol::http2},
#endif
    };
    for (const auto& row : rows) {
        const auto network = std::make_shared<testing::simulated_network>(get_executor());
        testing::simulated_connection plan;
        if (row.stage == phase::connect) plan.opening = testing::simulated_opening::hangs;
        network->plan([plan](const http::origin&) { return plan; });
        std::unique_ptr<net::stream> unread;
        network->listen({false, "llm.example", 80}, [&](std::unique_ptr<net::stream> accepted) {
            unread = std::move(accepted);
            if (row.protocol == http::protocol::http2) unread->write_some(settings);
        });
        auto wire =
            net::http_transport::create(get_executor(), {}, {}, row.protocol, policy::proxy_settings::none(), network)
                .value();
        http::limits limits;
        limits.*row.limit = 2s;
        client llm(get_executor(), openai(&no_environment).base_url("http://llm.example/v1").api_key("k"), wire,
                   client_options().limits(limits).max_attempts(1));
        const auto began = now(get_executor());
        const auto reply = co_await llm.try_complete(chat_request("m").user(std::string(1'000'000, 'x')));
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), row.expected) << reply.error().message();
        EXPECT_EQ(reply.error(), condition::timeout);
        EXPECT_EQ(reply.error().phase(), row.stage);
        EXPECT_EQ(now(get_executor()) - began, 2s);
    }
}

CHORUS_TEST(pain_11, each_limit_can_be_set_for_one_request_alone) {
    mock_server server(get_executor());
    server.stall_connections(1);
    client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
    http::limits hasty;
    hasty.tls = 1s;
    const auto late = co_await llm.try_complete(question().limits(hasty));
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::tls_timed_out);
    EXPECT_EQ(late.error().phase(), phase::tls);
    EXPECT_EQ(test_clock().elapsed(), 1s);
    EXPECT_TRUE(co_await llm.try_complete(question()));
}

// A truncated stream is reported as success: BerriAI/litellm#40260, TanStack/ai#1447.
CHORUS_TEST(pain_12, no_part_of_a_stream_passes_for_the_whole) {
    const std::string all = openai_stream({"One ", "two."});
    const std::size_t begun = openai_text_event("One ").size() - 2;  // with the first text
    const std::size_t said = begun + openai_text_event("two.").size();
    const std::size_t finished = all.rfind("data: [DONE]") - 2;  // with the line that says why the choice ended
    const std::size_t marked = all.size() - 2;                   // with the mark, the empty line behind it aside
    const azure deployed = azure(&no_environment).endpoint("https://llm.example").api_key("k").v1();
    // Where the server is known to send the mark, it has to come; elsewhere a choice that has ended is enough.
    const std::pair<std::shared_ptr<const provider>, std::size_t> rows[] = {
        {openai(&no_environment).api_key("k").make(), marked},
        {openai(&no_environment).api_key("k").base_url("https://eu.api.openai.com/v1").make(), marked},
        {deployed.make(), marked},
        {openai(&no_environment).base_url("https://llm.example/v1").make(), finished},
        {compatible("https://llm.example/v1").make(), finished},
        {compatible("https://llm.example/v1", openai_quirks().requires_done()).make(), marked},
    };
    for (const auto& [api, enough] : rows) {
        for (std::size_t cut = 0; cut <= all.size(); ++cut) {
            client llm(get_executor(), api, streaming({all.substr(0, cut)}), client_options().max_attempts(1));
            const auto whole = co_await read_stream(llm);
            CO_ASSERT_EQ(whole.has_value(), cut >= enough) << api->name() << ' ' << cut;
            if (whole) continue;
            EXPECT_EQ(whole.error(), errc::truncated) << cut;
            if (cut < begun) continue;
            CO_ASSERT_NE(whole.error().partial(), nullptr) << cut;
            EXPECT_EQ(whole.error().partial()->text(), cut < said ? "One " : "One two.") << cut;
        }
    }
}

CHORUS_TEST(pain_12, nor_does_it_in_the_formats_whose_events_have_names) {
    struct {
        std::shared_ptr<const provider> format;
        std::string begun;  // with the first text
        std::string rest;
    } const rows[] = {
        {anthropic_api(), anthropic_beginning() + anthropic_text_event("One "),
         anthropic_text_event("two.") + anthropic_end()},
        {responses_api(), responses_beginning() + responses_text_event("One "),
         responses_text_event("two.") + responses_end("One two.")},
    };
    for (const auto& [format, begun, rest] : rows) {
        const std::string all = begun + rest;
        for (std::size_t cut = 0; cut <= all.size(); ++cut) {
            client llm = speak(get_executor(), format, streaming({all.substr(0, cut)}));
            const auto whole = co_await read_stream(llm);
            // The empty line behind the last event says nothing.
            CO_ASSERT_EQ(whole.has_value(), cut + 2 >= all.size()) << format->name() << ' ' << cut;
            if (whole) {
                EXPECT_EQ(whole->text(), "One two.");
                continue;
            }
            EXPECT_EQ(whole.error(), errc::truncated) << cut;
            if (cut < begun.size()) continue;
            CO_ASSERT_NE(whole.error().partial(), nullptr) << cut;
            EXPECT_EQ(whole.error().partial()->text().substr(0, 4), "One ") << cut;
        }
    }
}

CHORUS_TEST(pain_12, a_body_that_ends_in_order_may_still_lack_its_end) {
    mock_server server(get_executor());
    server.expect().reply_sse(openai_text_event("One "));
    server.expect().reply_stream("one two three four five").every(1ms).drop_after(600);
    client llm = connect_to(get_executor(), server, client_options().max_attempts(1));
    for (int i = 0; i < 2; ++i) {
        const auto whole = co_await read_stream(llm);
        CO_ASSERT_FALSE(whole);
        EXPECT_EQ(whole.error(), errc::truncated) << whole.error().message();
        EXPECT_EQ(whole.error(), condition::truncated);
    }
    // What counts as an end is said for each endpoint: some servers always send the mark, some never.
    const std::string unmarked = openai_text_event("One.") + openai_finish_event();
    for (const bool requires_done : {false, true}) {
        const compatible api = compatible("https://llm.example/v1", openai_quirks().requires_done(requires_done));
        client other(get_executor(), api, streaming({unmarked}), client_options().max_attempts(1));
        const auto whole = co_await read_stream(other);
        EXPECT_EQ(whole.has_value(), !requires_done);
    }
}

// Errors behind a status of 200 get the wrong class: anthropic-sdk-python#1258, #688.
CHORUS_TEST(pain_13, an_error_behind_a_200_is_classed_by_its_words) {
    const std::pair<const char*, errc> rows[] = {
        {R"({"error":{"message":"Busy.","type":"overloaded_error"}})", errc::overloaded},
        {R"({"error":{"message":"Slow.","type":"requests","code":"rate_limit_exceeded"}})", errc::rate_limited},
        {R"({"error":{"message":"Broke.","code":"insufficient_quota"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","code":"billing_hard_limit_reached"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","code":"credit_balance_exhausted"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","code":"organization_spend_limit_exceeded"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","code":"project_spend_limit_exceeded"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","code":"organization_usage_limit_exceeded"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","type":"enforced_spend_limit_reached"}})", errc::quota_exhausted},
        {R"({"error":{"message":"Broke.","type":"invalid_request_error","code":"billing_hard_limit_reached"}})",
         errc::quota_exhausted},
        {R"({"error":{"message":"Slow.","type":"insufficient_quota","code":"rate_limit_exceeded"}})",
         errc::rate_limited},
        {R"({"error":{"message":"Slow.","code":"slow_down"}})", errc::rate_limited},
        {R"({"error":{"message":"Busy.","code":"server_is_overloaded"}})", errc::overloaded},
        {R"({"error":{"message":"Long.","code":"context_length_exceeded"}})", errc::bad_request},
        {R"({"error":{"message":"No.","code":"content_filter"}})", errc::bad_request},
        {R"({"error":{"message":"Who?","type":"authentication_error"}})", errc::unauthenticated},
        {R"({"error":{"message":"Bad.","type":"invalid_request_error"}})", errc::bad_request},
        {R"({"error":{"message":"Upstream.","code":502}})", errc::server_error},
        {R"({"error":"Something."})", errc::server_error},
    };
    for (const auto& [words, expected] : rows) {
        const std::string stream = openai_text_event("Be") + "data: " + words + "\n\n" + std::string(openai_end);
        client llm = connect_to(get_executor(), streaming({stream}), client_options().max_attempts(1));
        const auto streamed = co_await read_stream(llm);
        CO_ASSERT_FALSE(streamed) << words;
        EXPECT_EQ(streamed.error(), expected) << words;
        CO_ASSERT_NE(streamed.error().partial(), nullptr);
        EXPECT_EQ(streamed.error().partial()->text(), "Be");
        client whole = connect_to(get_executor(), always(answer(200, words)), client_options().max_attempts(1));
        const auto reply = co_await whole.try_complete(question());
        CO_ASSERT_FALSE(reply) << words;
        EXPECT_EQ(reply.error(), expected) << words;
    }
}

CHORUS_TEST(pain_13, so_is_one_in_every_format_and_under_every_name) {
    const auto chat = openai(&no_environment).api_key("k").make();
    struct {
        std::shared_ptr<const provider> format;
        std::string stream;
        errc expected;
        const char* type;
        const char* code;
    } const rows[] = {
        {chat, "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\",\"message\":\"Busy.\"}}\n\n",
         errc::overloaded, "overloaded_error", ""},
        {chat, "event: error\ndata: {\"type\":\"rate_limit_error\",\"message\":\"Slow.\"}\n\n", errc::rate_limited,
         "rate_limit_error", ""},
        {chat, "event: error\ndata: upstream connect error\n\n", errc::server_error, "", ""},
        {chat,
         "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}],"
         "\"error\":{\"code\":429,\"message\":\"Slow.\"}}\n\n",
         errc::rate_limited, "", "429"},
        {anthropic_api(), named_event("error", R"("error":{"type":"overloaded_error","message":"Busy."})"),
         errc::overloaded, "overloaded_error", ""},
        {anthropic_api(),
         anthropic_beginning() + named_event("error", R"("error":{"type":"billing_error","message":"Broke."})"),
         errc::payment_required, "billing_error", ""},
        {anthropic_api(), named_event("error", R"("error":{"type":"enforced_spend_limit_reached","message":"No."})"),
         errc::quota_exhausted, "enforced_spend_limit_reached", ""},
        {responses_api(),
         responses_beginning() + named_event("error", R"("code":"rate_limit_exceeded","message":"Slow.","param":null)"),
         errc::rate_limited, "error", "rate_limit_exceeded"},
        {responses_api(),
         responses_beginning() + responses_text_event("Be") +
             named_event("response.failed",
                         R"("response":{"status":"failed","error":{"code":"insufficient_quota","message":"Broke."}})"),
         errc::quota_exhausted, "", "insufficient_quota"},
        {responses_api(),
         named_event("response.failed",
                     R"("response":{"status":"failed","error":{"code":"server_error","message":"Oops."}})"),
         errc::server_error, "", "server_error"},
    };
    for (const auto& [format, stream, expected, type, code] : rows) {
        client llm = speak(get_executor(), format, streaming({stream + std::string(openai_end)}));
        const auto whole = co_await read_stream(llm);
        CO_ASSERT_FALSE(whole) << stream;
        EXPECT_EQ(whole.error(), expected) << stream << whole.error().message();
        EXPECT_FALSE(whole.error().text().empty()) << stream;
        EXPECT_EQ(whole.error().provider_code(), code) << stream;
        EXPECT_EQ(whole.error().type(), type) << stream;
    }
}

// JSON split over reads, UTF-8 split over reads, U+0085 taken for a line end: ruby-openai#338,
// OpenMetadata#29531, mistralai/client-js#18.
CHORUS_TEST(pain_14, a_stream_means_the_same_wherever_it_is_cut) {
    const std::string text = "caf\u00e9 \u0085 \u2028 \U0001f600";
    std::string nasty = "\xef\xbb\xbf: a comment\r\n\r\n";
    nasty += "data:{\"id\":\"c1\",\"model\":\"m\",\r\ndata: \"choices\":[{\"index\":0,\"delta\":{\"content\":\"" +
             text + "\"}}]}\r\n\r\n";
    nasty += "event: message\rdata: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"!\"}}]}\r\r";
    nasty += ":\n\n" + openai_finish_event() + "data:[DONE]\n\n";
    auto fake = always(answer(500, "{}"));
    std::vector<std::string> cut;
    fake->answer_in_pieces([&cut](const http::request&) -> result<streamed_answer> {
        streamed_answer made;
        made.head.status = 200;
        for (const std::string& bytes : cut) made.pieces.push_back({bytes, 0ms});
        return made;
    });
    client llm = connect_to(get_executor(), fake, client_options().max_attempts(1));
    for (std::size_t at = 0; at <= nasty.size(); ++at) {
        cut = {nasty.substr(0, at), nasty.substr(at)};
        if (at == nasty.size()) {
            cut.clear();
            for (const char byte : nasty) cut.emplace_back(1, byte);
        }
        auto stream = llm.stream(question());
        int texts = 0;
        const auto whole = co_await stream.try_for_each(
            [&texts](const chat_event& event) { texts += std::holds_alternative<text_event>(event) ? 1 : 0; });
        CO_ASSERT_TRUE(whole) << at << ": " << whole.error().message();
        EXPECT_EQ(whole->text(), text + "!") << at;
        EXPECT_EQ(texts, 2) << at;
    }
}

// The data of an event lies on several lines, the first of them empty: rig#534; comments between: langchaingo#942.
CHORUS_TEST(pain_14, the_lines_of_an_event_are_joined_however_they_are_broken) {
    const std::string json = openai_text_event("Hi.").substr(6);
    const std::string spread = R"({"id":"c1","model":"m",)"
                               "\ndata: \ndata:\"choices\":\n: a comment\ndata: [{\"index\":0,\n"
                               R"(data: "delta":{"content":"Hi."}}]})"
                               "\n\n";
    const std::string events[] = {
        "data:\ndata: " + json, "data: \ndata:" + json,  "data\ndata: " + json, "data:\r\ndata:\r\ndata: " + json,
        "data: " + spread,      "data:\ndata:" + spread,
    };
    for (const std::string& event : events) {
        for (const std::string_view end : {openai_end, std::string_view("data:\ndata: [DONE]\n\n")}) {
            client llm(get_executor(), openai(&no_environment).api_key("k"),
                       streaming({event + openai_finish_event() + std::string(end)}), client_options().max_attempts(1));
            const auto whole = co_await read_stream(llm);
            CO_ASSERT_TRUE(whole) << event << end << whole.error().message();
            EXPECT_EQ(whole->text(), "Hi.") << event;
        }
    }
}

// Events that only hold an id or a retry crash the parser: openai-python#2722, #3833.
CHORUS_TEST(pain_15, events_without_data_are_passed_over) {
    const std::string stream = "id: 7\n\nretry: 3000\n\nevent: ping\n\ndata:\n\ndata\n\n" + openai_text_event("Hi.") +
                               "event: keep-alive\nid: 8\n\n" + openai_finish_event() + "event: done\n\n" +
                               std::string(openai_end);
    client llm = connect_to(get_executor(), streaming({stream}));
    auto stream_of_it = llm.stream(question());
    int events = 0;
    const auto whole = co_await stream_of_it.try_for_each([&events](const chat_event&) { ++events; });
    CO_ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_EQ(whole->text(), "Hi.");
    EXPECT_EQ(events, 2) << "the text and the end";
}

// A chunk with empty choices crashes whoever takes the first: Portkey gateway#1627, awslabs/llmeter#34.
CHORUS_TEST(pain_16, a_chunk_or_an_answer_without_choices_harms_nobody) {
    const std::string stream =
        "data: {\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n" +
        openai_text_event("Hi.") + openai_finish_event() + "data: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\n" +
        std::string(openai_end);
    client llm = connect_to(get_executor(), streaming({stream}));
    const auto streamed = co_await read_stream(llm);
    CO_ASSERT_TRUE(streamed) << streamed.error().message();
    EXPECT_EQ(streamed->text(), "Hi.");
    EXPECT_EQ(streamed->choices().size(), 1u);
    EXPECT_EQ(streamed->usage().total_tokens, 9);
    client none = connect_to(get_executor(), always(answer(200, R"({"id":"c1","choices":[]})")));
    const auto empty = co_await none.try_complete(question());
    CO_ASSERT_TRUE(empty) << empty.error().message();
    EXPECT_TRUE(empty->choices().empty());
    EXPECT_EQ(empty->text(), "");
    EXPECT_TRUE(empty->tool_calls().empty());
    client null = connect_to(get_executor(), always(answer(200, R"({"id":"c1","choices":null})")));
    const auto missing = co_await null.try_complete(question());
    CO_ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error(), errc::decode_failed);
}

// Azure sends what its filter found in chunks that have no choice, or a choice without a delta: openai-python#2722.
CHORUS_TEST(pain_16, what_a_filter_found_is_an_event_of_its_own_for_who_asks) {
    const std::string prompt = R"([{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}])";
    const std::string found = R"({"hate":{"filtered":false,"severity":"safe"}})";
    const std::string of_prompt = R"(data: {"choices":[],"object":"","prompt_filter_results":)" + prompt + "}\n\n";
    const std::string of_answer = R"(data: {"object":"","choices":[{"index":0,"finish_reason":null,)"
                                  R"("content_filter_offsets":{"check_offset":3},"content_filter_results":)" +
                                  found + "}]}\n\n";
    const std::string usage = "data: {\"choices\":[],\"usage\":{\"total_tokens\":9}}\n\n";
    const std::string stream = of_prompt + openai_text_event("Hi.") + of_answer + openai_finish_event() + of_answer +
                               usage + std::string(openai_end);
    const azure deployed = azure(&no_environment).endpoint("https://llm.example").api_key("k").v1();
    for (const bool is_asked : {false, true}) {
        client llm = speak(get_executor(), deployed.make(), streaming({stream}));
        auto answer = llm.stream(question(), {.content_filters = is_asked});
        std::vector<std::string> seen;
        const auto whole = co_await answer.try_for_each([&seen](const chat_event& event) {
            if (const auto* filter = std::get_if<content_filter_event>(&event)) {
                seen.push_back((filter->choice ? "answer " : "prompt ") + std::string(filter->results));
            } else if (std::holds_alternative<usage_event>(event)) {
                seen.push_back("usage");
            }
        });
        CO_ASSERT_TRUE(whole) << whole.error().message();
        EXPECT_EQ(whole->text(), "Hi.");
        EXPECT_EQ(whole->choices().size(), 1u);
        EXPECT_EQ(whole->usage().total_tokens, 9);
        const std::vector<std::string> all{"prompt " + prompt, "answer " + found, "answer " + found, "usage"};
        EXPECT_EQ(seen, is_asked ? all : std::vector<std::string>{"usage"});
    }
}

// Parallel tool calls are merged when the index is missing or always 0: openai-python#2806, vercel/ai#14277.
CHORUS_TEST(pain_17, calls_are_told_apart_whatever_index_they_bear) {
    for (const std::string index : {"", R"("index":0,)", R"("index":null,)"}) {
        const auto call = [&index](const std::string& id, const std::string& name, const std::string& arguments) {
            const std::string head = id.empty() ? "" : R"("id":")" + id + R"(","type":"function",)";
            const std::string named = name.empty() ? "" : R"("name":")" + name + R"(",)";
            return delta_event(R"({"tool_calls":[{)" + index + head + R"("function":{)" + named + R"("arguments":")" +
                               arguments + R"("}}]})");
        };
        const std::string stream = call("a", "weather", R"({\"city\":)") + call("", "", R"(\"Rome\"})") +
                                   call("b", "weather", "{}") + openai_finish_event("tool_calls") +
                                   std::string(openai_end);
        client llm = connect_to(get_executor(), streaming({stream}));
        const auto whole = co_await read_stream(llm);
        CO_ASSERT_TRUE(whole) << whole.error().message();
        CO_ASSERT_EQ(whole->tool_calls().size(), 2u) << index;
        EXPECT_EQ(whole->tool_calls()[0].name, "weather");
        EXPECT_EQ(whole->tool_calls()[0].arguments, R"({"city":"Rome"})");
        EXPECT_EQ(whole->tool_calls()[1].id, "b");
        EXPECT_EQ(whole->tool_calls()[1].arguments, "{}");
    }
}

CHORUS_TEST(pain_17, calls_without_an_index_are_told_apart_by_their_ids_however_they_mix) {
    const auto call = [](const std::string& id, const std::string& name, const std::string& arguments) {
        return delta_event(R"({"tool_calls":[{"id":")" + id + R"(","type":"function","function":{"name":")" + name +
                           R"(","arguments":")" + arguments + R"("}}]})");
    };
    const std::string stream = call("a", "weather", R"({\"city\":)") + call("b", "weather", R"({\"city\")") +
                               call("c", "time", "") + call("a", "", R"(\"Rome\"})") +
                               call("b", "weather", R"(:\"Ul)") + openai_finish_event("tool_calls") +
                               std::string(openai_end);
    client llm = connect_to(get_executor(), streaming({stream}));
    auto answer = llm.stream(question());
    std::vector<std::pair<std::string, bool>> finished;
    const auto whole = co_await answer.try_for_each([&finished](const chat_event& event) {
        const auto* ended = std::get_if<tool_call_finished_event>(&event);
        if (ended != nullptr) finished.emplace_back(ended->call->id, ended->call->has_valid_arguments());
    });
    CO_ASSERT_TRUE(whole) << whole.error().message();
    CO_ASSERT_EQ(whole->tool_calls().size(), 3u);
    EXPECT_EQ(whole->tool_calls()[0].arguments, R"({"city":"Rome"})");
    EXPECT_EQ(whole->tool_calls()[1].arguments, R"({"city":"Ul)");
    EXPECT_EQ(whole->tool_calls()[2].name, "time");
    // What the model cut off is told when the call ends, before anybody runs it.
    const std::vector<std::pair<std::string, bool>> expected{{"a", true}, {"b", false}, {"c", true}};
    EXPECT_EQ(finished, expected);
}

// A new value of an enum or a new field breaks decoding: async-openai#457, #283, #507.
CHORUS_TEST(pain_20, what_a_server_adds_tomorrow_breaks_nothing) {
    const std::string news =
        R"("id":"c1","object":"chat.completion.v9","created":null,"model":"m","service_tier":"warp",)"
        R"("new_field":{"a":[1,{"b":null}]},"usage":{"total_tokens":3,"quantum_tokens":1},)";
    const std::string message = R"({"role":"oracle","content":"Hi.","mood":"good","annotations":[{"type":"new"}]})";
    const auto whole =
        answer(200, "{" + news + R"("choices":[{"index":0,"finish_reason":"enlightened","message":)" + message + "}]}");
    client once = connect_to(get_executor(), always(whole));
    client piecewise =
        connect_to(get_executor(),
                   streaming({"data: {" + news + R"("choices":[{"index":0,"delta":)" + message + "}]}\n\n" +
                              "event: chat.new\n" + openai_finish_event("enlightened") + std::string(openai_end)}));
    const auto reply = co_await once.try_complete(question());
    const auto streamed = co_await read_stream(piecewise);
    for (const auto* each : {&reply, &streamed}) {
        CO_ASSERT_TRUE(*each) << each->error().message();
        EXPECT_EQ((*each)->text(), "Hi.");
        EXPECT_EQ((*each)->finish_reason(), "enlightened");
        EXPECT_EQ((*each)->service_tier(), "warp");
        EXPECT_EQ((*each)->choices()[0].message.role, "oracle");
    }
    EXPECT_NE(reply->raw_text().find("new_field"), std::string::npos) << "what is not understood is kept";
}

CHORUS_TEST(pain_20, nor_in_the_formats_whose_events_and_parts_have_names) {
    const std::string future = named_event("future.event", R"("delta":{"type":"text_delta","text":"x"},"error":null)") +
                               "event: future\ndata: no JSON\n\n";
    const std::string block = R"({"type":"oracle","vision":{"a":[1]}})";
    struct {
        std::shared_ptr<const provider> format;
        std::string body;
        std::string stream;
        std::string reason;
    } const rows[] = {
        {anthropic_api(),
         R"({"type":"message","id":"c1","role":"assistant","model":"m","mood":{"good":true},"stop_reason":"enlightened",)"
         R"("content":[)" +
             block +
             R"(,{"type":"text","text":"Hi.","tone":1,"citations":[{"type":"new_location","x":[]}]}],)"
             R"("usage":{"input_tokens":1,"output_tokens":2,"quantum_tokens":{"a":1},"service_tier":"warp"}})",
         future + anthropic_beginning() + anthropic_text_event("Hi.") + future +
             named_event("content_block_delta", R"("index":0,"delta":{"type":"future_delta","text":"x"})") +
             named_event("content_block_start", R"("index":1,"content_block":)" + block) +
             named_event("content_block_stop", R"("index":1)") + anthropic_end("enlightened"),
         "enlightened"},
        {responses_api(),
         R"({"id":"c1","object":"response.v9","status":"completed","model":"m","mood":{"good":true},"output":[)" +
             block +
             R"(,{"type":"message","role":"assistant","status":"new","content":[{"type":"vision","x":1},)"
             R"({"type":"output_text","text":"Hi.","annotations":[{"type":"new"}]}]}],)"
             R"("usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3,"quantum_tokens":1}})",
         future + responses_beginning() + responses_text_event("Hi.") + future +
             named_event("response.output_item.added", R"("output_index":1,"item":)" + block) +
             named_event("response.vision.delta", R"("output_index":1,"delta":"x")") +
             named_event("response.output_item.done", R"("output_index":1,"item":)" + block) +
             responses_end("Hi.", block),
         "stop"},
    };
    for (const auto& [format, body, stream, reason] : rows) {
        client once = speak(get_executor(), format, always(answer(200, body)));
        client piecewise = speak(get_executor(), format, streaming({stream}));
        const auto reply = co_await once.try_complete(question().max_tokens(9));
        const auto streamed = co_await read_stream(piecewise);
        for (const auto* each : {&reply, &streamed}) {
            CO_ASSERT_TRUE(*each) << format->name() << each->error().message();
            EXPECT_EQ((*each)->text(), "Hi.");
            EXPECT_EQ((*each)->finish_reason(), reason) << format->name();
            EXPECT_EQ((*each)->usage().completion_tokens, 2);
            EXPECT_NE((*each)->choices()[0].message.native.json.find(block), std::string::npos)
                << "what is not understood goes back as it came";
        }
    }
}

// Thinking is lost, or must go back and does not: langchain#37390, strands#2354.
CHORUS_TEST(pain_21, thinking_comes_in_one_field_and_goes_back_under_its_own_name) {
    struct {
        std::string member;     // as it comes
        std::string goes_back;  // as it is sent with the next request
    } const rows[] = {
        {R"("reasoning_content":"Hmm.")", R"("reasoning_content":"Hmm.")"},
        {R"("reasoning":"Hmm.")", R"("reasoning":"Hmm.")"},
        {R"("reasoning_details":[{"type":"reasoning.text","text":"Hmm."}])", R"("reasoning_details":[{)"},
    };
    const std::string calls = R"("tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f",)"
                              R"("arguments":"{}"}}])";
    for (const auto& [member, goes_back] : rows) {
        const std::string message = R"({"role":"assistant","content":null,)" + member + "," + calls + "}";
        const auto fake = always(completion(message));
        client llm = connect_to(get_executor(), fake);
        const auto reply = co_await llm.try_complete(question());
        CO_ASSERT_TRUE(reply) << reply.error().message();
        EXPECT_EQ(reply->reasoning(), "Hmm.") << member;
        client streamed = connect_to(
            get_executor(), streaming({delta_event(message) + openai_finish_event() + std::string(openai_end)}));
        const auto pieces = co_await read_stream(streamed);
        CO_ASSERT_TRUE(pieces) << pieces.error().message();
        EXPECT_EQ(pieces->reasoning(), "Hmm.") << member;
        for (const auto* each : {&reply, &pieces}) {
            auto next = question().add((*each)->choices()[0].message.to_message()).add(message::tool("a", "1"));
            co_await llm.complete(std::move(next));
            EXPECT_NE(fake->requests.back().body.find(goes_back), std::string::npos) << fake->requests.back().body;
        }
    }
}

// Mistral's thinking comes in parts of the content, and has to go back there: strands#2354.
// Anthropic refuses thinking that comes back without its signature: Kilo#9501.
CHORUS_TEST(pain_21, thinking_in_parts_and_with_signatures_goes_back_as_it_came) {
    const auto mistral =
        compatible("https://llm.example/v1", openai_quirks().echo_reasoning(reasoning_echo::always, "thinking")).make();
    const std::string thought = R"({"type":"thinking","thinking":[{"type":"text","text":"Hmm. Well."}]})";
    const std::string signed_parts = R"([{"type":"thinking","thinking":"Hmm. Well.","signature":"c2ln"},)"
                                     R"({"type":"redacted_thinking","data":"eHl6"},{"type":"text","text":"Hi."}])";
    const auto piece = [](const std::string& delta) {
        return named_event("content_block_delta", R"("index":0,"delta":{"type":)" + delta + "}");
    };
    struct {
        std::shared_ptr<const provider> format;
        http::response whole;
        std::string stream;
        std::string goes_back;
    } const rows[] = {
        {mistral,
         completion(R"({"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"Hmm. "},)"
                    R"({"type":"text","text":"Well."}]},{"type":"text","text":"Hi."}]})"),
         // Two in a row would be refused: they become one.
         delta_event(R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hmm. "}]}]})") +
             delta_event(R"({"content":[{"type":"thinking","thinking":[{"type":"text","text":"Well."}]}]})") +
             delta_event(R"({"content":"Hi."})") + openai_finish_event() + std::string(openai_end),
         R"("content":[)" + thought + R"(,{"type":"text","text":"Hi."}])"},
        {anthropic_api(),
         answer(200,
                R"({"type":"message","role":"assistant","stop_reason":"end_turn","content":)" + signed_parts + "}"),
         named_event("content_block_start",
                     R"("index":0,"content_block":{"type":"thinking","thinking":"","signature":""})") +
             piece(R"("thinking_delta","thinking":"Hmm. ")") + piece(R"("thinking_delta","thinking":"Well.")") +
             piece(R"("signature_delta","signature":"c2ln")") + named_event("content_block_stop", R"("index":0)") +
             named_event("content_block_start",
                         R"("index":1,"content_block":{"type":"redacted_thinking","data":"eHl6"})") +
             named_event("content_block_stop", R"("index":1)") +
             named_event("content_block_start", R"("index":2,"content_block":{"type":"text","text":"Hi."})") +
             named_event("content_block_stop", R"("index":2)") + anthropic_end(),
         R"("content":)" + signed_parts},
    };
    for (const auto& [format, whole, stream, goes_back] : rows) {
        const auto fake = always(whole);
        client llm = speak(get_executor(), format, fake);
        client piecewise = speak(get_executor(), format, streaming({stream}));
        const auto reply = co_await llm.try_complete(question().max_tokens(9));
        const auto streamed = co_await read_stream(piecewise);
        for (const auto* each : {&reply, &streamed}) {
            CO_ASSERT_TRUE(*each) << each->error().message();
            EXPECT_EQ((*each)->reasoning(), "Hmm. Well.");
            EXPECT_EQ((*each)->text(), "Hi.");
            auto next = question().max_tokens(9).add((*each)->choices()[0].message.to_message()).user("And?");
            co_await llm.complete(std::move(next));
            EXPECT_NE(fake->requests.back().body.find(goes_back), std::string::npos) << fake->requests.back().body;
        }
    }
}

}  // namespace
}  // namespace chorus::pains::streams_tests
