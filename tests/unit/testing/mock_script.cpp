#include <chorus/testing/mock_script.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mock_script_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

mock_request chat(std::string model, std::string prompt) {
    mock_request request;
    request.method = "POST";
    request.target = "/v1/chat/completions";
    request.headers.add("authorization", "Bearer sk-secret");
    request.body = R"({"model":")" + model + R"(","messages":[{"role":"user","content":")" + prompt + R"("}]})";
    request.model = std::move(model);
    request.prompt = std::move(prompt);
    return request;
}

mock_reply answer(mock_script& script, const mock_request& request) {
    mock_reply reply;
    EXPECT_TRUE(script.next(request, reply));
    return reply;
}

bool left_to_default(mock_script& script, const mock_request& request) {
    mock_reply reply;
    return !script.next(request, reply);
}

TEST(mock_script, without_steps_leaves_every_request_to_the_default_behaviour) {
    mock_script script;
    EXPECT_TRUE(left_to_default(script, chat("m", "a")));
    EXPECT_THAT(script.problems(), IsEmpty());
    EXPECT_TRUE(script.finished());
}

TEST(mock_script, answers_the_steps_in_order) {
    mock_script script;
    script.expect().reply_text("first");
    script.expect().reply_error(429, "requests", "rate_limit_exceeded", "slow down");
    EXPECT_THAT(answer(script, chat("m", "a")).body, HasSubstr(R"("content":"first")"));
    EXPECT_FALSE(script.finished());
    const mock_reply second = answer(script, chat("m", "b"));
    EXPECT_EQ(second.status, 429);
    EXPECT_EQ(second.body, R"({"error":{"message":"slow down","type":"requests","param":null,)"
                           R"("code":"rate_limit_exceeded"}})");
    EXPECT_TRUE(script.finished());
    EXPECT_THAT(script.problems(), IsEmpty());
}

TEST(mock_script, after_its_last_step_leaves_requests_to_the_default_behaviour) {
    mock_script script;
    script.expect().reply_text("only");
    answer(script, chat("m", "a"));
    EXPECT_TRUE(left_to_default(script, chat("m", "b")));
    EXPECT_THAT(script.problems(), IsEmpty());
}

TEST(mock_script, nothing_else_makes_a_request_after_the_last_step_a_problem) {
    mock_script script;
    script.nothing_else().expect().reply_text("only");
    answer(script, chat("m", "a"));
    const mock_reply refused = answer(script, chat("gpt", "b"));
    EXPECT_EQ(refused.status, 400);
    EXPECT_THAT(refused.body, HasSubstr("unexpected_request"));
    EXPECT_THAT(
        script.problems(),
        ElementsAre("request 2 (POST /v1/chat/completions, model \"gpt\", prompt \"b\") came after the last step "
                    "of the script"));
}

TEST(mock_script, names_the_steps_that_were_not_reached) {
    mock_script script;
    script.expect().reply_text("a");
    script.expect().method("POST").model("m").times(3);
    answer(script, chat("m", "a"));
    left_to_default(script, chat("m", "a"));
    EXPECT_THAT(script.problems(), ElementsAre("step 2 (method POST, model \"m\") was not reached, 2 times"));
}

TEST(mock_script, a_request_that_does_not_fit_is_a_problem_and_leaves_the_step_open) {
    mock_script script;
    script.expect().model("right").reply_text("yes");
    EXPECT_EQ(answer(script, chat("wrong", "a")).status, 400);
    EXPECT_THAT(script.problems(),
                ElementsAre(HasSubstr("does not fit step 1, which asks for model \"right\""), HasSubstr("step 1")));
    EXPECT_EQ(answer(script, chat("right", "a")).status, 200);
    EXPECT_EQ(script.problems().size(), 1u);
}

TEST(mock_script, no_problem_shows_a_header_value) {
    mock_script script;
    script.expect().header("authorization", "Bearer sk-other");
    answer(script, chat("m", "a"));
    for (const std::string& problem : script.problems()) {
        EXPECT_THAT(problem, Not(HasSubstr("sk-")));
    }
    EXPECT_THAT(script.problems().front(), HasSubstr("header authorization"));
}

struct rule_case {
    const char* name;
    void (*add)(mock_step&);
    bool fits;
};

class mock_script_rules : public ::testing::TestWithParam<rule_case> {};

TEST_P(mock_script_rules, decide_whether_a_request_fits) {
    mock_script script;
    GetParam().add(script.expect().reply(299, "fits"));
    EXPECT_EQ(answer(script, chat("m", "hello")).status == 299, GetParam().fits);
}

INSTANTIATE_TEST_SUITE_P(
    all, mock_script_rules,
    ::testing::Values(
        rule_case{"method", [](mock_step& step) { step.method("POST"); }, true},
        rule_case{"other_method", [](mock_step& step) { step.method("GET"); }, false},
        rule_case{"path", [](mock_step& step) { step.path("/v1/chat/completions"); }, true},
        rule_case{"other_path", [](mock_step& step) { step.path("/v1/models"); }, false},
        rule_case{"model", [](mock_step& step) { step.model("m"); }, true},
        rule_case{"other_model", [](mock_step& step) { step.model("M"); }, false},
        rule_case{"prompt", [](mock_step& step) { step.prompt("hello"); }, true},
        rule_case{"part_of_the_prompt", [](mock_step& step) { step.prompt("hell"); }, false},
        rule_case{"body", [](mock_step& step) { step.body_contains("\"role\":\"user\""); }, true},
        rule_case{"other_body", [](mock_step& step) { step.body_contains("temperature"); }, false},
        rule_case{"header", [](mock_step& step) { step.header("Authorization", "Bearer sk-secret"); }, true},
        rule_case{"other_header", [](mock_step& step) { step.header("authorization", ""); }, false},
        rule_case{"no_header", [](mock_step& step) { step.header("x-none", ""); }, false},
        rule_case{"own_rule", [](mock_step& step) { step.matching("any", [](const auto&) { return true; }); }, true},
        rule_case{"own_refusal", [](mock_step& step) { step.matching("none", [](const auto&) { return false; }); },
                  false},
        rule_case{"first_of_two_broken", [](mock_step& step) { step.model("x").prompt("hello"); }, false},
        rule_case{"second_of_two_broken", [](mock_step& step) { step.model("m").prompt("x"); }, false}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST(mock_script, a_step_serves_as_many_requests_as_it_says) {
    mock_script script;
    script.expect().times(2).reply(201, "");
    script.expect().reply(202, "");
    EXPECT_EQ(answer(script, chat("m", "a")).status, 201);
    EXPECT_EQ(answer(script, chat("m", "a")).status, 201);
    EXPECT_EQ(answer(script, chat("m", "a")).status, 202);
}

TEST(mock_script, in_any_order_a_request_takes_the_first_open_step_that_it_fits) {
    mock_script script;
    script.in_any_order();
    script.expect().prompt("a").reply(201, "");
    script.expect().prompt("b").reply(202, "");
    script.expect().prompt("b").reply(203, "");
    EXPECT_EQ(answer(script, chat("m", "b")).status, 202);
    EXPECT_EQ(answer(script, chat("m", "b")).status, 203);
    EXPECT_EQ(answer(script, chat("m", "b")).status, 400);
    EXPECT_EQ(answer(script, chat("m", "a")).status, 201);
    EXPECT_THAT(script.problems(), ElementsAre(HasSubstr("fits no open step")));
}

TEST(mock_script, a_step_without_reply_takes_the_default_one_at_its_own_time) {
    mock_script script;
    script.expect().after(5s).reply_header("x-a", "1");
    mock_reply reply;
    EXPECT_FALSE(script.next(chat("m", "a"), reply));
    EXPECT_EQ(reply.latency, 5s);
    EXPECT_EQ(reply.headers.get("x-a"), "1");
    EXPECT_TRUE(script.finished());
}

TEST(mock_script, a_plain_reply_is_json_and_own_headers_replace_that) {
    mock_script script;
    script.expect().reply(200, "{}");
    script.expect().reply(502, "<html>", chorus::http::headers().add("content-type", "text/html"));
    EXPECT_EQ(answer(script, chat("m", "a")).headers.get("content-type"), "application/json");
    EXPECT_EQ(answer(script, chat("m", "a")).headers.get("content-type"), "text/html");
}

TEST(mock_script, reply_with_sees_the_request) {
    mock_script script;
    script.expect().reply_with([](const mock_request& request, mock_reply& reply) { reply.body = request.prompt; });
    EXPECT_EQ(answer(script, chat("m", "mirror")).body, "mirror");
}

TEST(mock_script, faults_and_framing_reach_the_plan) {
    mock_script script;
    script.expect().reply(200, "x").drop();
    script.expect().reply(200, "x").drop_after(10);
    script.expect().reply(200, "x").stall();
    script.expect().reply(200, "x").stall_after(3).chunked(7).close_after().hold();
    script.expect().reply_raw("nonsense");
    script.expect().reply(200, "x").reset_after(5, 8);
    script.expect().reply(200, "x").refuse();
    script.expect().reply(200, "x").refuse().after(2s);
    script.expect().reply(200, "x").go_away();
    mock_reply reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::drop);
    EXPECT_EQ(reply.fault_after, 0u);
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::drop);
    EXPECT_EQ(reply.fault_after, 10u);
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::stall);
    EXPECT_EQ(reply.fault_after, 0u);
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::stall);
    EXPECT_EQ(reply.fault_after, 3u);
    EXPECT_EQ(reply.chunk_bytes, 7u);
    EXPECT_TRUE(reply.close_after);
    EXPECT_TRUE(reply.hold);
    EXPECT_EQ(answer(script, chat("m", "a")).raw, "nonsense");
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::reset);
    EXPECT_EQ(reply.fault_after, 5u);
    EXPECT_EQ(reply.error_code, 8u);
    EXPECT_FALSE(reply.latency);
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::reset);
    EXPECT_EQ(reply.error_code, 7u);  // REFUSED_STREAM
    EXPECT_EQ(reply.latency, 0s);
    EXPECT_EQ(answer(script, chat("m", "a")).latency, 2s);
    reply = answer(script, chat("m", "a"));
    EXPECT_EQ(reply.fault, mock_fault::go_away);
    EXPECT_EQ(reply.latency, 0s);
}

TEST(mock_script, a_step_may_be_added_after_requests_came) {
    mock_script script;
    script.expect().reply(201, "");
    answer(script, chat("m", "a"));
    mock_step& late = script.expect();
    for (int i = 0; i < 100; ++i) script.expect();
    late.reply(202, "");
    EXPECT_EQ(answer(script, chat("m", "a")).status, 202);
}

mock_request message(std::string prompt) {
    mock_request request = chat("c", std::move(prompt));
    request.target = "/v1/messages";
    return request;
}

// The pieces of a streamed reply, divided by bars.
std::string streamed(mock_reply reply) {
    EXPECT_TRUE(reply.is_streamed());
    EXPECT_EQ(reply.headers.get("content-type"), "text/event-stream; charset=utf-8");
    std::string all;
    while (!reply.stream->is_over()) {
        reply.stream->take(all);
        all += '|';
    }
    return all;
}

TEST(mock_script, streams_a_text_in_the_format_of_the_path) {
    mock_script script;
    script.expect().reply_stream("one two").times(2);
    const std::string chunks = streamed(answer(script, chat("m", "a")));
    EXPECT_THAT(chunks, HasSubstr(R"("model":"m")"));
    EXPECT_THAT(chunks, HasSubstr(R"({"content":" two"})"));
    EXPECT_THAT(chunks, ::testing::EndsWith("data: [DONE]\n\n|"));
    EXPECT_THAT(chunks, Not(HasSubstr("usage")));
    const std::string events = streamed(answer(script, message("a")));
    EXPECT_THAT(events, HasSubstr(R"({"type":"text_delta","text":" two"})"));
    EXPECT_THAT(events, ::testing::EndsWith("data: {\"type\":\"message_stop\"}\n\n|"));
}

TEST(mock_script, includes_the_usage_in_a_stream_if_the_request_does) {
    mock_script script;
    script.expect().reply_stream("one");
    mock_request request = chat("m", "a");
    request.include_usage = true;
    EXPECT_THAT(streamed(answer(script, request)), HasSubstr(R"("choices":[],"usage":{)"));
}

TEST(mock_script, streams_events_and_bytes_as_they_are) {
    mock_script script;
    script.expect().reply_events({"{}", "[DONE]"}).times(2);
    script.expect().reply_sse(": ping\n\ndata: x\r\n\r\n");
    script.expect().reply_sse_pieces({"da", "ta: y\n\n"});
    script.expect().reply_sse("abcdefg").cut(3);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(streamed(answer(script, chat("m", "a"))), "data: {}\n\n|data: [DONE]\n\n|");
    }
    EXPECT_EQ(streamed(answer(script, chat("m", "a"))), ": ping\n\ndata: x\r\n\r\n|");
    EXPECT_EQ(streamed(answer(script, chat("m", "a"))), "da|ta: y\n\n|");
    EXPECT_EQ(streamed(answer(script, chat("m", "a"))), "abc|def|g|");
}

TEST(mock_script, says_how_a_stream_is_sent_whoever_writes_it) {
    mock_script script;
    script.expect().every(3s).hold_each();
    mock_reply reply;
    EXPECT_FALSE(script.next(chat("m", "a"), reply));
    ASSERT_TRUE(reply.stream);
    EXPECT_FALSE(reply.is_streamed());
    reply.stream->source(mock_pieces([](std::string&) { return true; }));
    const chorus::clock::time_point now{1h};
    reply.stream->start(now);
    EXPECT_FALSE(reply.stream->may_take(now));
    reply.stream->release();
    std::string out;
    reply.stream->take(out);
    reply.stream->release();
    EXPECT_EQ(reply.stream->due(), now + 3s);
}

TEST(mock_script, answers_texts_and_errors_in_the_format_of_the_path) {
    mock_script script;
    script.expect().reply_text("hi");
    script.expect().reply_error(529, "overloaded_error", "", "Overloaded");
    EXPECT_THAT(answer(script, message("a")).body, HasSubstr(R"("content":[{"type":"text","text":"hi")"));
    EXPECT_EQ(answer(script, message("a")).body,
              R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},)"
              R"("request_id":"req_scripted"})");
}

}  // namespace

}  // namespace mock_script_tests
