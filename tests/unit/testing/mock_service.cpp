#include <chorus/testing/mock_service.hpp>

#include <gtest/gtest.h>

namespace mock_service_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;

mock_request chat(std::string_view prompt) {
    mock_request request;
    request.method = "POST";
    request.target = "/v1/chat/completions";
    request.body.append(R"({"model":"m","messages":[{"role":"user","content":")").append(prompt).append(R"("}]})");
    return request;
}

mock_reply begin(mock_service& service, mock_request request) {
    mock_reply reply;
    service.begin(request, reply);
    return reply;
}

TEST(mock_service, lets_the_script_answer_first_and_the_default_behaviour_after_it) {
    mock_service service({});
    service.script().expect().model("m").prompt("a").reply(503, "busy");
    EXPECT_EQ(begin(service, chat("a")).status, 503);
    const mock_reply second = begin(service, chat("b"));
    EXPECT_EQ(second.status, 200);
    EXPECT_NE(second.body.find("echo: b"), std::string::npos);
}

TEST(mock_service, may_owe_a_completion_and_write_it_later) {
    mock_service service({});
    mock_request request = chat("later");
    mock_completion owed;
    mock_reply reply;
    service.begin(request, reply, owed);
    EXPECT_TRUE(reply.body.empty() && reply.headers.empty());
    request.clear();
    begin(service, chat("other"));
    service.write(owed, reply);
    EXPECT_NE(reply.body.find("echo: later"), std::string::npos);
    EXPECT_EQ(reply.headers.get("x-request-id"), "req_mock1");
}

TEST(mock_service, owes_nothing_where_the_script_or_an_error_answers) {
    mock_service service({});
    service.script().expect().reply(503, "busy");
    mock_completion owed;
    for (const int status : {503, 404}) {
        mock_request request = chat("a");
        if (status == 404) request.target = "/nowhere";
        mock_reply reply;
        owed.number = 7;  // of an earlier request
        service.begin(request, reply, owed);
        EXPECT_EQ(reply.status, status);
        EXPECT_EQ(owed.number, 0u);
    }
}

TEST(mock_service, draws_a_latency_unless_the_step_has_its_own) {
    mock_service service(mock_options().latency(200ms));
    service.script().expect().after(5s);
    EXPECT_EQ(begin(service, chat("a")).latency, 5s);
    EXPECT_EQ(begin(service, chat("a")).latency, 200ms);
    service.latency(mock_latency::fixed(1ms));
    EXPECT_EQ(begin(service, chat("a")).latency, 1ms);
}

TEST(mock_service, draws_the_same_latencies_again_with_the_same_seed) {
    const auto options = mock_options().latency(mock_latency::uniform(0s, 1s, 3));
    mock_service first(options);
    mock_service second(options);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(begin(first, chat("a")).latency, begin(second, chat("a")).latency);
}

TEST(mock_service, a_step_that_says_chunked_overrides_the_option) {
    mock_service service(mock_options().chunk_bytes(100));
    service.script().expect().chunked(3);
    EXPECT_EQ(begin(service, chat("a")).chunk_bytes, 3u);
    EXPECT_EQ(begin(service, chat("a")).chunk_bytes, 100u);
}

TEST(mock_service, counts_what_is_in_flight_and_how_it_ended) {
    mock_service service({});
    for (int i = 0; i < 3; ++i) begin(service, chat("a"));
    EXPECT_EQ(service.counters().in_flight, 3u);
    service.end(mock_service::outcome::replied);
    service.end(mock_service::outcome::dropped);
    begin(service, chat("a"));
    service.end(mock_service::outcome::abandoned);
    const mock_counters& seen = service.counters();
    EXPECT_EQ(seen.requests, 4u);
    EXPECT_EQ(seen.replies, 1u);
    EXPECT_EQ(seen.abandoned, 1u);
    EXPECT_EQ(seen.in_flight, 1u);
    EXPECT_EQ(seen.peak_in_flight, 3u);
}

TEST(mock_service, records_no_more_requests_than_asked) {
    mock_service service(mock_options().record(2));
    for (const char* prompt : {"a", "b", "c"}) begin(service, chat(prompt));
    ASSERT_EQ(service.requests().size(), 2u);
    EXPECT_EQ(service.requests()[0].prompt, "a");
    EXPECT_EQ(service.requests()[1].prompt, "b");
    mock_service forgetful({});
    begin(forgetful, chat("a"));
    EXPECT_TRUE(forgetful.requests().empty());
}

TEST(mock_service, tells_the_observer_before_the_script_is_asked) {
    mock_service service({});
    service.script().expect().reply(200, "x");
    std::vector<std::string> prompts;
    service.on_request([&](const mock_request& request) {
        EXPECT_EQ(service.script().finished(), !prompts.empty());
        prompts.push_back(request.prompt);
    });
    begin(service, chat("a"));
    begin(service, chat("b"));
    EXPECT_EQ(prompts, (std::vector<std::string>{"a", "b"}));
}

TEST(mock_service, asks_for_the_key_of_its_options) {
    mock_service service(mock_options().api_key("k"));
    EXPECT_EQ(begin(service, chat("a")).status, 401);
    mock_request request = chat("a");
    request.headers.add("authorization", "Bearer k");
    EXPECT_EQ(begin(service, request).status, 200);
}

TEST(mock_service, streams_with_the_settings_of_its_options) {
    mock_service service(mock_options().stream_interval(2s).stream_record_bytes(100).stream_chunks(3));
    mock_request request = chat("a");
    request.body.insert(1, R"("stream":true,)");
    mock_completion owed;
    mock_reply reply;
    service.begin(request, reply, owed);
    EXPECT_TRUE(owed.stream);
    EXPECT_FALSE(reply.stream);  // what waits holds no stream
    service.write(owed, reply);
    ASSERT_TRUE(reply.is_streamed());
    EXPECT_EQ(reply.stream->record_bytes(), 100u);
    const chorus::clock::time_point now{1h};
    reply.stream->start(now);
    std::string out;
    std::size_t pieces = 0;
    for (; !reply.stream->is_over(); ++pieces) reply.stream->take(out);
    EXPECT_EQ(pieces, 6u);  // role, three, finish, done
    EXPECT_FALSE(reply.stream->may_take(now + 11s));
}

TEST(mock_service, answers_in_the_format_that_the_request_asks_for) {
    mock_service service(mock_options().api_key("k"));
    mock_request request = chat("a");
    request.target = "/v1/messages";
    request.body.insert(1, R"("max_tokens":5,)");
    request.headers.add("anthropic-version", "2023-06-01").add("x-api-key", "k");
    EXPECT_NE(begin(service, request).body.find("echo: a"), std::string::npos);
    EXPECT_NE(begin(service, request).body.find("\"type\":\"message\""), std::string::npos);
    request.headers.clear();
    EXPECT_NE(begin(service, request).body.find("authentication_error"), std::string::npos);
}

TEST(mock_service, counts_the_streams_that_are_open) {
    mock_service service({});
    service.stream_began();
    service.stream_began();
    service.stream_ended();
    EXPECT_EQ(service.counters().streams_open, 1u);
    EXPECT_EQ(service.counters().peak_streams, 2u);
}

}  // namespace

}  // namespace mock_service_tests
