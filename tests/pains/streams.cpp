// Pains 9 to 17, 20 and 21: streams that hang, break off or hold what their reader did not foresee.
#include <chorus/async/task.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/azure.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <functional>
#include <set>
#include <variant>

#include "pains.hpp"

namespace chorus::pains {
namespace {

/// Reads the whole answer to a question, in its own words.
awaitable<result<chat_response>> read_stream(client& llm) {
    auto stream = std::make_shared<chat_stream>(llm.stream(question()));
    result<chat_response> whole = co_await stream->try_finish();
    co_return whole;
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
CHORUS_TEST(pain_10, signs_of_life_alone_do_not_keep_a_stream) {
    const auto fake = streaming(std::vector<std::string>(1000, ": keep-alive\n\n"), 30s);
    client llm = connect_to(get_executor(), fake, client_options().timeout(std::chrono::hours(5)).max_attempts(1));
    const auto whole = co_await read_stream(llm);
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::content_timed_out);
    EXPECT_EQ(test_clock().elapsed(), 10min);
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

CHORUS_TEST(pain_13, so_is_one_in_the_format_of_anthropic) {
    const auto fake =
        streaming({"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                   "\"message\":\"Overloaded\"}}\n\n"});
    client llm(get_executor(), anthropic(&no_environment).api_key("k"), fake, client_options().max_attempts(1));
    auto stream = llm.stream(question().max_tokens(9));
    const auto whole = co_await stream.try_finish();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::overloaded);
    EXPECT_EQ(whole.error().type(), "overloaded_error");
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

}  // namespace
}  // namespace chorus::pains
