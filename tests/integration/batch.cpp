// The pieces of examples/batch, and its whole job against the mock server over TLS.
#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/batch/answer_file.hpp"
#include "../../examples/batch/answer_line.hpp"
#include "../../examples/batch/destination.hpp"
#include "../../examples/batch/job.hpp"
#include "../../examples/batch/options.hpp"
#include "../../examples/batch/progress.hpp"
#include "../../examples/batch/prompts.hpp"

namespace batch::batch_tests {
namespace {

using namespace std::chrono_literals;
using chorus::testing::mock_options;
using chorus::testing::mock_server;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

// --- options --------------------------------------------------------------------------------------------------------

TEST(batch_options, reads_them_in_any_order) {
    const options wanted =
        parse({"--base-url", "http://h/v1", "p.txt", "--concurrency", "7", "--out", "o", "--ordered"});
    EXPECT_EQ(wanted.base_url, "http://h/v1");
    EXPECT_EQ(wanted.prompts, "p.txt");
    EXPECT_EQ(wanted.concurrency, 7u);
    EXPECT_EQ(wanted.out, "o");
    EXPECT_TRUE(wanted.ordered);
}

TEST(batch_options, refuses_what_contradicts_itself_or_could_cost_money_unasked) {
    EXPECT_THROW(parse({"p.txt"}), std::invalid_argument);
    EXPECT_THROW(parse({"--mock-latency-ms", "1", "--live"}), std::invalid_argument);
    EXPECT_THROW(parse({"--base-url", "http://h", "--all"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "--ordered"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "--concurrency", "0"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "--concurrency", "x"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "--concurrency"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "--frobnicate"}), std::invalid_argument);
    EXPECT_THROW(parse({"--live", "a", "b"}), std::invalid_argument);
    EXPECT_NO_THROW(parse({"--help"}));
}

TEST(batch_destination, refuses_what_no_call_could_be_sent_with) {
    const auto problem = [](const std::vector<std::string_view>& words) -> std::string {
        try {
            find_destination(parse(words));
        } catch (const std::invalid_argument& refused) {
            return refused.what();
        }
        return "";
    };
    EXPECT_EQ(problem({"--base-url", "https://h/v1"}), "");
    EXPECT_THAT(problem({"--base-url", "h/v1"}), HasSubstr("base_url"));
    EXPECT_THAT(problem({"--base-url", "https://h/v1", "--ca", "missing.pem"}), HasSubstr("ca_file missing.pem"));
}

// --- prompts --------------------------------------------------------------------------------------------------------

std::string_view only_text(const chorus::result<chorus::chat_request>& request) {
    return *request->messages().back().content().as_text();
}

TEST(batch_prompts, takes_each_line_that_is_not_empty_and_remembers_where_it_was) {
    const auto prompts = split_prompts(
        "\xef\xbb\xbf"
        "first\r\n\n  \nsecond\nthird");
    ASSERT_EQ(prompts.size(), 3u);
    EXPECT_EQ(prompts[0].text, "first");
    EXPECT_EQ(prompts[1].line, 4u);
    EXPECT_EQ(prompts[1].index, 1u);
    EXPECT_EQ(only_text(to_request(prompts[2], "m")), "third");
    EXPECT_TRUE(split_prompts("\n\n").empty());
}

TEST(batch_prompts, reads_lines_of_json) {
    const auto prompts = split_prompts(
        R"({"id":7,"prompt":"a \"b\""})"
        "\n"
        R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"t"}]}]})");
    const auto first = to_request(prompts[0], "m");
    EXPECT_EQ(only_text(first), "a \"b\"");
    EXPECT_EQ(first->model(), "m");
    const auto second = to_request(prompts[1], "m");
    ASSERT_EQ(second->messages().size(), 2u);
    EXPECT_EQ(second->messages()[0].role(), "system");
    EXPECT_EQ(second->messages()[1].content().as_parts()->size(), 1u);
}

TEST(batch_prompts, keeps_the_name_of_a_message_and_passes_over_members_that_say_nothing) {
    const auto prompts = split_prompts(
        R"({"messages":[{"role":"user","name":"ada","content":"q","tool_calls":null,"annotations":[],"audio":null}]})");
    const auto request = to_request(prompts[0], "m");
    ASSERT_TRUE(request) << request.error().message();
    EXPECT_EQ(request->messages()[0].name(), "ada");
}

TEST(batch_prompts, refuses_a_line_that_is_no_prompt) {
    const auto problem = [](std::string line) {
        const std::string text = "{}\n" + line;
        const auto request = to_request(split_prompts(text).back(), "m");
        return request ? "" : request.error().message();
    };
    EXPECT_THAT(problem("What is this?"), HasSubstr("not JSON"));
    EXPECT_THAT(problem(R"({"prompt":"cut)"), HasSubstr("not JSON"));
    EXPECT_THAT(problem(R"([1])"), HasSubstr("needs"));
    EXPECT_THAT(problem(R"({"promt":"x"})"), HasSubstr("needs"));
    EXPECT_THAT(problem(R"({"prompt":["x"]})"), HasSubstr("needs"));
    EXPECT_THAT(problem(R"({"prompt":"x","messages":[{"role":"user","content":"y"}]})"), HasSubstr("not both"));
    EXPECT_THAT(problem("{\"prompt\":\"\xff\"}"), HasSubstr("UTF-8"));
    EXPECT_THAT(
        problem(R"({"messages":[{"role":"user","content":"y"},{"role":"tool","content":"z","tool_call_id":"1"}]})"),
        HasSubstr("messages[1].tool_call_id"));
    EXPECT_THAT(problem(R"({"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]})"),
                HasSubstr("messages[0].tool_calls"));
    EXPECT_THAT(problem(R"({"messages":[{"role":"user","content":{"text":"y"}}]})"), HasSubstr("messages[0].content"));
    EXPECT_THAT(problem(R"({"prompt":"x","system":"Answer in French."})"), HasSubstr("system"));
    EXPECT_THAT(problem(R"({"temperature":0,"messages":[{"role":"user","content":"y"}]})"), HasSubstr("temperature"));
    EXPECT_EQ(problem(R"({"prompt":"fine"})"), "");
    EXPECT_EQ(problem(R"({"id":7,"category":"x","prompt":"fine","messages":[]})"), "");
}

// --- one answer -----------------------------------------------------------------------------------------------------

chorus::chat_response response(std::string text, std::chrono::nanoseconds total) {
    chorus::chat_completion decoded;
    decoded.choices.emplace_back();
    decoded.choices[0].message.content = std::move(text);
    decoded.usage.completion_tokens = 5;
    chorus::http::response received;
    received.timing.total = total;
    return chorus::chat_response(std::move(decoded), std::move(received));
}

TEST(batch_answer_line, holds_index_text_usage_and_latency) {
    EXPECT_EQ(answer_line(3, response("a\nb", 1500us)),
              R"({"index":3,"text":"a\nb","usage":{"completion_tokens":5},"latency_ms":1.5})"
              "\n");
}

TEST(batch_answer_line, holds_the_error_in_place_of_a_text) {
    chorus::error failure(chorus::errc::rate_limited, "slow down \xff");
    failure.http_status(429).provider_code("rate_limit_exceeded");
    const std::string line = answer_line(4, failure);
    EXPECT_THAT(line, StartsWith(R"({"index":4,"error":{"message":")"));
    EXPECT_THAT(line, HasSubstr(R"("status":429,"code":"rate_limit_exceeded")"));
    EXPECT_TRUE(chorus::json::is_valid_utf8(line));
    EXPECT_TRUE(read_answer_head(line)->failed);
}

TEST(batch_answer_line, is_recognised_only_as_a_whole) {
    const std::string line = answer_line(12, response("text", 1ms));
    EXPECT_EQ(read_answer_head(line)->index, 12u);
    for (std::size_t length = 0; length + 1 < line.size(); ++length)
        EXPECT_FALSE(read_answer_head(line.substr(0, length))) << length;
    EXPECT_FALSE(read_answer_head(R"({"index":-1,"text":""})"));
    EXPECT_FALSE(read_answer_head(R"({"index":1})"));
    EXPECT_FALSE(read_answer_head(R"({"prompt":"x"})"));
}

// --- the file of answers --------------------------------------------------------------------------------------------

class batch_answer_file : public testing::Test {
 protected:
    std::string path = testing::TempDir() + "batch_answers_" +
                       testing::UnitTest::GetInstance()->current_test_info()->name() + ".jsonl";

    batch_answer_file() { std::filesystem::remove(path); }
    ~batch_answer_file() override { std::filesystem::remove(path); }

    void write(std::string_view text) const { std::ofstream(path, std::ios::binary) << text; }
    std::string read() const {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static std::string good(std::size_t index) { return answer_line(index, response("ok", 1ms)); }
    static std::string bad(std::size_t index) { return answer_line(index, chorus::error(chorus::errc::server_error)); }
};

TEST_F(batch_answer_file, holds_each_line_as_soon_as_it_is_appended) {
    answer_file file(path, 3);
    EXPECT_FALSE(file.has(0));
    file.append(2, good(2));
    EXPECT_EQ(read(), good(2));
    file.append(0, bad(0));
    EXPECT_EQ(read(), good(2) + bad(0));
}

TEST_F(batch_answer_file, keeps_answers_and_drops_failures_repetitions_and_a_line_that_was_cut_off) {
    const std::string whole = good(5);
    for (std::size_t length = 1; length < whole.size() - 1; ++length) {
        write(good(1) + bad(2) + good(3) + good(1) + whole.substr(0, length));
        answer_file file(path, 6);
        ASSERT_EQ(read(), good(1) + good(3)) << length;
        ASSERT_TRUE(file.has(1) && file.has(3));
        ASSERT_FALSE(file.has(2) || file.has(5));
        file.append(2, good(2));
        ASSERT_EQ(read(), good(1) + good(3) + good(2)) << length;
    }
}

TEST_F(batch_answer_file, completes_a_last_line_that_lacks_only_its_end) {
    write(good(0) + good(1).substr(0, good(1).size() - 1));
    answer_file file(path, 2);
    EXPECT_TRUE(file.has(1));
    EXPECT_EQ(read(), good(0) + good(1));
}

TEST_F(batch_answer_file, refuses_a_file_of_anything_else_and_leaves_it_alone) {
    for (const std::string& text : {std::string("my notes"), good(0) + "my notes\n", "{\"prompt\":\"p\"}\n" + good(0),
                                    good(0) + good(9), std::string("\n")}) {
        write(text);
        EXPECT_THROW(answer_file(path, 3), std::invalid_argument) << text;
        EXPECT_EQ(read(), text);
    }
    EXPECT_THROW(answer_file(testing::TempDir(), 3), std::invalid_argument);
    EXPECT_THROW(answer_file(path + ".no/such/folder", 3), std::invalid_argument);
}

TEST_F(batch_answer_file, sorts_answers_of_all_runs_and_goes_on) {
    write(good(4) + bad(0));
    answer_file file(path, 6);
    file.append(3, good(3));
    file.append(0, good(0));
    file.sort();
    EXPECT_EQ(read(), good(0) + good(3) + good(4));
    file.append(5, good(5));
    file.sort();
    EXPECT_EQ(read(), good(0) + good(3) + good(4) + good(5));
}

// --- progress -------------------------------------------------------------------------------------------------------

TEST(batch_progress, counts_and_foretells) {
    const chorus::clock::time_point start{};
    progress seen(10, 2, start);
    EXPECT_EQ(seen.line(start), "2/10  0 in flight  0.0 requests/s  0 tokens/s  0 failed");
    {
        const progress::in_flight one(seen), two(seen);
        seen.count(1, response("x", 100ms));
        seen.count(2, response("x", 300ms));
        seen.count(3, chorus::error(chorus::errc::rate_limited));
        EXPECT_EQ(seen.line(start + 2s), "5/10  2 in flight  1.5 requests/s  5 tokens/s  1 failed  ETA 0:03");
    }
    EXPECT_EQ(seen.answered(), 4u);
    EXPECT_FALSE(seen.complete());
}

TEST(batch_progress, sums_up) {
    const chorus::clock::time_point start{};
    progress seen(101, 0, start);
    for (int i = 1; i <= 100; ++i) seen.count(1, response("x", i * 10ms));
    seen.count(7, chorus::error(chorus::errc::rate_limited, "slow down"));
    const std::string text = seen.summary(start + 2s);
    EXPECT_THAT(text, StartsWith("100 of 101 prompts answered"));
    EXPECT_THAT(text, HasSubstr("2.00 s of wall time in place of 50.50 s one after the other, 25.2 times as fast"));
    EXPECT_THAT(text, HasSubstr("p50 510 ms, p99 990 ms"));
    EXPECT_THAT(text, HasSubstr("1 failed"));
    EXPECT_THAT(text, HasSubstr("line 7: "));
}

TEST(batch_progress, does_not_claim_to_have_replaced_the_making_of_connections) {
    chorus::http::response received;
    received.timing = {.queue = 1s, .dns = 1s, .connect = 1s, .tls = 1s, .first_byte = 6s, .total = 10s};
    progress seen(1, 0, {});
    seen.count(1, chorus::chat_response({}, std::move(received)));
    EXPECT_THAT(seen.summary(chorus::clock::time_point() + 2s), HasSubstr("in place of 6.00 s"));
}

TEST(batch_progress, has_nothing_to_say_of_latencies_without_answers) {
    progress seen(4, 4, {});
    EXPECT_EQ(seen.summary(chorus::clock::time_point() + 1s), "4 of 4 prompts answered, 4 of them by earlier runs");
    EXPECT_TRUE(seen.complete());
}

// --- the job --------------------------------------------------------------------------------------------------------

struct written {
    std::vector<std::size_t> good, bad;
    void operator()(const prompt& question, const reply& outcome) { (outcome ? good : bad).push_back(question.index); }
};

chorus::client connect_to(const chorus::executor& ex, const mock_server& server) {
    return chorus::client(
        ex, chorus::openai().base_url(server.base_url()).api_key(""),
        chorus::client_options().max_attempts(1).tls(chorus::net::tls_options().ca_pem(server.ca_pem())));
}

CHORUS_TEST(batch_job, passes_on_answers_as_they_come_and_goes_on_after_a_bad_line_and_a_failure) {
    mock_server server(get_executor());
    server.script().in_any_order();
    server.expect().prompt("a").after(3s);
    server.expect().prompt("c").after(2s).reply_error(500, "server_error", "", "no");
    server.expect().prompt("d").after(1s);
    chorus::client llm = connect_to(get_executor(), server);
    const std::string text = "{\"prompt\":\"a\"}\nb\n{\"prompt\":\"c\"}\n{\"prompt\":\"d\"}";
    const auto questions = split_prompts(text);
    progress seen(4, 0, chorus::now(get_executor()));
    written out;
    co_await ask_all(llm, questions, "m", 10, seen, out);
    EXPECT_THAT(out.good, ElementsAre(3, 0));
    EXPECT_THAT(out.bad, ElementsAre(1, 2));
    EXPECT_EQ(seen.answered(), 2u);
    EXPECT_EQ(server.counters().requests, 3u);
}

CHORUS_TEST(batch_job, keeps_to_the_concurrency_asked_for) {
    mock_server server(get_executor(), mock_options().latency(1s));
    chorus::client llm = connect_to(get_executor(), server);
    std::string text;
    for (int i = 0; i < 20; ++i) text += "question\n";
    const auto questions = split_prompts(text);
    progress seen(20, 0, chorus::now(get_executor()));
    written out;
    co_await ask_all(llm, questions, "m", 4, seen, out);
    EXPECT_EQ(out.good.size(), 20u);
    EXPECT_EQ(server.counters().peak_in_flight, 4u);
    EXPECT_GE(test_clock().elapsed(), 5s);
}

CHORUS_TEST(batch_job, cancelled_it_keeps_what_is_written_and_writes_no_more) {
    mock_server server(get_executor());
    server.script().in_any_order();
    server.expect().prompt("quick").after(1s);
    server.expect().prompt("slow").after(1h);
    server.expect().prompt("next").after(1h);
    chorus::client llm = connect_to(get_executor(), server);
    const auto questions = split_prompts("quick\nslow\nnext\nnever");
    progress seen(4, 0, chorus::now(get_executor()));
    written out;
    auto job = co_await chorus::spawn(ask_all(llm, questions, "m", 2, seen, out));
    while (server.counters().requests < 3) co_await chorus::sleep_for(1s);
    job.cancel();
    const auto outcome = co_await chorus::gather(std::move(job));
    EXPECT_EQ(std::get<0>(outcome).error(), chorus::condition::cancelled);
    EXPECT_THAT(out.good, ElementsAre(0));
    EXPECT_TRUE(out.bad.empty());
    EXPECT_EQ(llm.pool_stats().in_use, 0u);
}

CHORUS_TEST(batch_job, does_not_count_what_could_not_be_written) {
    mock_server server(get_executor());
    chorus::client llm = connect_to(get_executor(), server);
    const auto questions = split_prompts("a\nb");
    progress seen(2, 0, chorus::now(get_executor()));
    auto full_disk = [](const prompt&, const reply&) { throw std::runtime_error("no space left"); };
    const auto outcome = co_await chorus::gather(ask_all(llm, questions, "m", 2, seen, full_disk));
    EXPECT_THAT(std::get<0>(outcome).error().message(), EndsWith("no space left"));
    EXPECT_EQ(seen.answered(), 0u);
}

}  // namespace
}  // namespace batch::batch_tests
