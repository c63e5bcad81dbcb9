#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/async/timeout.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/openai_stream.hpp"

namespace chorus::chat_stream_tests {
namespace {

using namespace std::chrono_literals;
using testing::openai_end;
using testing::openai_finish_event;
using testing::openai_stream;
using testing::openai_text_event;

const char* no_environment(const char*) noexcept {
    return nullptr;
}

/// What a transport of the test sends: pieces, each after a pause; then the end, a failure, or silence.
struct body_script {
    body_script(std::vector<std::string> sent = {}) : pieces(std::move(sent)) {}

    std::vector<std::string> pieces;
    std::chrono::milliseconds pause{};
    std::optional<error> failure;
    bool is_silent_at_the_end = false;
    bool knows_its_end = true;  // with the last piece; otherwise one more read tells
};

/// What became of the transfer.
struct transfer {
    std::size_t reads = 0;
    std::size_t pieces_given = 0;
    bool is_open = false;
    bool reached_end = false;
};

class scripted_response final : public net::incoming_response {
 public:
    scripted_response(const body_script& script, transfer& seen) : script_(script), seen_(seen) {
        seen_.is_open = true;
        head_.status = 200;
        head_.headers.add("x-request-id", "req_7");
    }
    ~scripted_response() override { seen_.is_open = false; }

    http::response take_head() noexcept override { return std::move(head_); }
    bool is_complete() const noexcept override { return seen_.reached_end; }
    awaitable<result<bool>> read(http::body_sink& into, net::time_limit limit) override {
        ++seen_.reads;
        const clock::time_point due = now(co_await this_coro::executor) + script_.pause;
        const bool is_over = next_ == script_.pieces.size();
        if (is_over && script_.is_silent_at_the_end) {
            co_await sleep_until(limit.when);
            co_return error(limit.reason);
        }
        if (script_.pause > 0ms) co_await sleep_until(std::min(due, limit.when));
        if (due > limit.when) co_return error(limit.reason);
        if (is_over && script_.failure) co_return *script_.failure;
        if (is_over) {
            seen_.reached_end = true;
            co_return false;
        }
        ++seen_.pieces_given;
        const auto taken = into.take(script_.pieces[next_++]);
        if (!taken) co_return taken.error();
        if (script_.knows_its_end && !script_.failure && !script_.is_silent_at_the_end) {
            seen_.reached_end = next_ == script_.pieces.size();
        }
        co_return true;
    }

 private:
    const body_script& script_;
    transfer& seen_;
    http::response head_;
    std::size_t next_ = 0;
};

class scripted_transport final : public net::transport {
 public:
    explicit scripted_transport(body_script script) : script(std::move(script)) {}

    awaitable<result<void>> send(const http::request&, const http::limits&, http::response&) override {
        co_return error(errc::protocol_error);
    }
    awaitable<result<std::unique_ptr<net::incoming_response>>> open(const http::request& message,
                                                                    const http::limits& caps) override {
        bodies.push_back(message.body);
        limits = caps;
        if (refusal) co_return *refusal;
        std::unique_ptr<net::incoming_response> answer = std::make_unique<scripted_response>(script, seen);
        co_return answer;
    }
    awaitable<void> close() override { co_return; }
    void abort() noexcept override {}

    body_script script;
    transfer seen;
    std::vector<std::string> bodies;
    http::limits limits;
    std::optional<error> refusal;
};

/// A client whose answers come as a script says.
struct conversation {
    conversation(executor ex, body_script script, const client_options& options = {})
        : wire(std::make_shared<scripted_transport>(std::move(script))),
          llm(ex, openai(&no_environment).api_key("sk-test"), wire, options) {}

    chat_stream ask(const stream_options& options = {}) { return llm.stream(chat_request("m").user("Why?"), options); }

    std::shared_ptr<scripted_transport> wire;
    client llm;
};

CHORUS_TEST(chat_stream, gives_events_in_order_and_the_whole_at_the_end) {
    conversation with(get_executor(), {{openai_text_event("Be") + openai_text_event("cause"),
                                        openai_finish_event() + std::string(openai_end)}});
    auto answer = with.ask();
    std::string text;
    std::string reason;
    for (;;) {
        const auto event = co_await answer.next();
        if (!event) break;
        if (const auto* piece = std::get_if<text_event>(&*event)) text.append(piece->text).append("|");
        if (const auto* end = std::get_if<finish_event>(&*event)) reason = end->reason;
    }
    EXPECT_EQ(text, "Be|cause|");
    EXPECT_EQ(reason, "stop");
    EXPECT_EQ(answer.accumulated().text(), "Because");
    EXPECT_EQ(answer.accumulated().request_id(), "req_7");
    const auto after = co_await answer.try_next();
    CO_ASSERT_TRUE(after);
    EXPECT_FALSE(*after) << "an end that is asked for again is still the end";
    EXPECT_FALSE(with.wire->seen.is_open);
}

CHORUS_TEST(chat_stream, sends_nothing_before_it_is_asked) {
    conversation with(get_executor(), {{openai_stream({"a"})}});
    auto answer = with.ask();
    co_await sleep_for(1s);
    EXPECT_TRUE(with.wire->bodies.empty());
    const auto whole = co_await answer.finish();
    EXPECT_EQ(whole.text(), "a");
    CO_ASSERT_EQ(with.wire->bodies.size(), 1u);
    EXPECT_NE(with.wire->bodies[0].find(R"("stream":true)"), std::string::npos);
}

CHORUS_TEST(chat_stream, reads_only_when_an_event_is_asked_for_that_is_not_there) {
    conversation with(get_executor(), {{openai_text_event("a") + openai_text_event("b"), openai_text_event("c"),
                                        openai_finish_event() + std::string(openai_end)}});
    auto answer = with.ask();
    co_await answer.next();
    co_await sleep_for(5min);
    EXPECT_EQ(with.wire->seen.pieces_given, 1u);
    co_await answer.next();
    EXPECT_EQ(with.wire->seen.pieces_given, 1u) << "it came with the first";
    co_await answer.next();
    EXPECT_EQ(with.wire->seen.pieces_given, 2u);
}

CHORUS_TEST(chat_stream, poll_takes_what_has_come_and_waits_for_nothing) {
    conversation with(get_executor(), {{openai_text_event("a") + openai_text_event("b"),
                                        openai_finish_event() + std::string(openai_end)}});
    auto answer = with.ask();
    chat_event event;
    EXPECT_FALSE(answer.poll(event));
    co_await answer.next();
    CO_ASSERT_TRUE(answer.poll(event));
    EXPECT_EQ(std::get<text_event>(event).text, "b");
    EXPECT_FALSE(answer.poll(event));
}

CHORUS_TEST(chat_stream, drops_the_transfer_at_once_when_left_early) {
    conversation with(get_executor(), {{openai_text_event("a"), openai_text_event("b")}});
    {
        auto answer = with.ask();
        co_await answer.next();
        EXPECT_TRUE(with.wire->seen.is_open);
    }
    EXPECT_FALSE(with.wire->seen.is_open);
    EXPECT_FALSE(with.wire->seen.reached_end);
}

CHORUS_TEST(chat_stream, reads_to_the_last_chunk_so_that_the_connection_can_be_used_again) {
    body_script script{{openai_stream({"a"})}};
    script.knows_its_end = false;
    conversation with(get_executor(), std::move(script));
    auto answer = with.ask();
    co_await answer.finish();
    EXPECT_TRUE(with.wire->seen.reached_end);
    EXPECT_FALSE(with.wire->seen.is_open);
}

CHORUS_TEST(chat_stream, waits_for_the_last_chunk_no_longer_than_a_moment) {
    body_script script{{openai_stream({"a"})}};
    script.is_silent_at_the_end = true;
    conversation with(get_executor(), std::move(script));
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_TRUE(whole);
    EXPECT_EQ(whole->text(), "a");
    EXPECT_LE(test_clock().elapsed(), 1s);
    EXPECT_FALSE(with.wire->seen.is_open);
}

CHORUS_TEST(chat_stream, reads_only_so_much_behind_the_end) {
    body_script script{{openai_stream({"a"})}};
    for (int i = 0; i < 1000; ++i) script.pieces.push_back(std::string(8 * 1024, '\n'));
    conversation with(get_executor(), std::move(script));
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_TRUE(whole);
    EXPECT_LT(with.wire->seen.pieces_given, 20u);
    EXPECT_FALSE(with.wire->seen.is_open);
}

CHORUS_TEST(chat_stream, keeps_what_had_come_in_the_error_of_a_truncated_stream) {
    conversation with(get_executor(), {{openai_text_event("half of "), openai_text_event("it")}});
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::truncated);
    EXPECT_EQ(whole.error(), condition::truncated);
    CO_ASSERT_NE(whole.error().partial(), nullptr);
    EXPECT_EQ(whole.error().partial()->text(), "half of it");
    EXPECT_EQ(answer.accumulated().text(), "half of it");
    EXPECT_EQ(whole.error().request_id(), "req_7");
}

CHORUS_TEST(chat_stream, gives_the_events_before_a_failure_and_then_the_failure_again_and_again) {
    body_script script{{openai_text_event("a")}};
    error lost(errc::truncated);
    script.failure = lost.phase(phase::read);
    conversation with(get_executor(), std::move(script));
    auto answer = with.ask();
    const auto first = co_await answer.try_next();
    CO_ASSERT_TRUE(first);
    for (int i = 0; i < 3; ++i) {
        const auto next = co_await answer.try_next();
        CO_ASSERT_FALSE(next);
        EXPECT_EQ(next.error(), errc::truncated);
    }
    EXPECT_FALSE(with.wire->seen.is_open);
}

CHORUS_TEST(chat_stream, gives_the_events_of_a_read_before_an_error_in_it) {
    conversation with(get_executor(), {{openai_text_event("a") + "data: {\"error\":{\"message\":\"boom\"}}\n\n"}});
    auto answer = with.ask();
    std::string text;
    const auto collect = [&](const chat_event& event) {
        if (const auto* piece = std::get_if<text_event>(&event)) text += piece->text;
    };
    const auto whole = co_await answer.try_for_each(collect);
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error().text(), "boom");
    EXPECT_EQ(text, "a");
}

CHORUS_TEST(chat_stream, hides_the_key_of_one_request_in_its_error_before_and_after_content) {
    const std::string failure =
        "data: {\"error\":{\"message\":\"bad key: sk-of-this-request\",\"type\":\"authentication_error\"}}\n\n";
    for (const bool has_content : {false, true}) {
        body_script script({failure});
        if (has_content) script.pieces.insert(script.pieces.begin(), openai_text_event("ab"));
        conversation with(get_executor(), script);
        auto answer = with.llm.stream(chat_request("m").user("Why?").header("X-API-Key", "sk-of-this-request"));
        auto failed = co_await answer.try_next();
        if (has_content) failed = co_await answer.try_next();
        CO_ASSERT_FALSE(failed);
        EXPECT_EQ(failed.error(), errc::unauthenticated);
        EXPECT_EQ(failed.error().text(), "bad key: ***");
        EXPECT_EQ(failed.error().body().find("sk-of-this-request"), std::string_view::npos);
    }
}

CHORUS_TEST(chat_stream, has_an_error_of_its_own_for_silence) {
    body_script script{{openai_text_event("a")}};
    script.is_silent_at_the_end = true;
    http::limits limits;
    limits.idle = 30s;
    conversation with(get_executor(), std::move(script), client_options().limits(limits));
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::idle_timed_out);
    EXPECT_EQ(whole.error(), condition::timeout);
    EXPECT_EQ(test_clock().elapsed(), 30s);
}

CHORUS_TEST(chat_stream, measures_silence_anew_after_every_read) {
    body_script script;
    for (int i = 0; i < 10; ++i) script.pieces.push_back(openai_text_event("a"));
    script.pieces.push_back(openai_finish_event() + std::string(openai_end));
    script.pause = 20s;
    http::limits limits;
    limits.idle = 30s;
    limits.content_idle = std::chrono::milliseconds::max();  // none
    conversation with(get_executor(), std::move(script), client_options().limits(limits));
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_TRUE(whole);
    EXPECT_EQ(whole->timing().total, 220s);
}

CHORUS_TEST(chat_stream, ends_at_the_deadline_of_the_call_however_lively_it_is) {
    body_script script;
    for (int i = 0; i < 100; ++i) script.pieces.push_back(openai_text_event("a"));
    script.pause = 1s;
    conversation with(get_executor(), std::move(script));
    auto answer = with.llm.stream(chat_request("m").user("Why?").timeout(10s));
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_FALSE(whole);
    EXPECT_EQ(whole.error(), errc::deadline_exceeded);
    EXPECT_EQ(test_clock().elapsed(), 10s);
    CO_ASSERT_NE(whole.error().partial(), nullptr);
}

CHORUS_TEST(chat_stream, may_be_asked_for_the_end_when_the_body_ended_with_the_last_event) {
    conversation with(get_executor(), {{openai_stream({"a"})}});
    auto answer = with.ask();
    for (chat_event event; true;) {
        const auto next = co_await answer.try_next();
        CO_ASSERT_TRUE(next);
        if (!*next) break;
        while (answer.poll(event)) {
        }
    }
    EXPECT_EQ(answer.accumulated().text(), "a");
    EXPECT_EQ(with.wire->seen.reads, 1u);
}

CHORUS_TEST(chat_stream, drops_the_transfer_when_cancelled_at_any_point) {
    for (std::chrono::milliseconds when = 0ms; when <= 450ms; when += 50ms) {
        body_script script{{openai_text_event("a"), openai_text_event("b"), openai_text_event("c")}};
        script.pause = 100ms;
        if (when == 400ms) continue;  // the end, or the cancellation: whichever is first
        conversation with(get_executor(), std::move(script));
        auto answer = with.ask();
        auto reading = spawn(get_executor(), answer.try_finish());
        co_await sleep_for(when);
        reading.cancel();
        bool is_cancelled = false;
        try {
            const auto whole = co_await std::move(reading);
            is_cancelled = !whole && whole.error() == condition::cancelled;
        } catch (const boost::system::system_error& thrown) {
            is_cancelled = thrown.code() == condition::cancelled;
        }
        EXPECT_EQ(is_cancelled, when < 400ms) << when.count();
        EXPECT_FALSE(with.wire->seen.is_open) << when.count();
    }
}

CHORUS_TEST(chat_stream, refuses_bad_input_before_anything_is_sent) {
    conversation with(get_executor(), {});
    auto answer = with.llm.stream(chat_request("m"));
    const auto event = co_await answer.try_next();
    CO_ASSERT_FALSE(event);
    EXPECT_EQ(event.error(), errc::invalid_argument);
    EXPECT_EQ(event.error().param(), "messages");
    EXPECT_TRUE(with.wire->bodies.empty());
}

CHORUS_TEST(chat_stream, gives_the_error_of_a_transport_that_fails_to_open) {
    conversation with(get_executor(), {});
    with.wire->refusal = error(errc::connect_failed);
    auto answer = with.ask();
    const auto event = co_await answer.try_next();
    CO_ASSERT_FALSE(event);
    EXPECT_EQ(event.error(), errc::connect_failed);
    EXPECT_EQ(event.error().partial(), nullptr);
}

CHORUS_TEST(chat_stream, throws_what_the_try_forms_return) {
    conversation with(get_executor(), {{openai_text_event("a")}});
    auto answer = with.ask();
    co_await answer.next();
    bool has_thrown = false;
    try {
        co_await answer.next();
    } catch (const api_error& failure) {
        has_thrown = true;
        EXPECT_EQ(failure.error(), errc::truncated);
        CO_ASSERT_NE(failure.error().partial(), nullptr);
    }
    EXPECT_TRUE(has_thrown);
}

CHORUS_TEST(chat_stream, may_be_moved_between_events) {
    conversation with(get_executor(), {{openai_text_event("a"), openai_text_event("b"),
                                        openai_finish_event() + std::string(openai_end)}});
    auto first = with.ask();
    co_await first.next();
    chat_stream second = std::move(first);
    const auto whole = co_await second.finish();
    EXPECT_EQ(whole.text(), "ab");
}

CHORUS_TEST(chat_stream, gives_a_whole_answer_of_a_server_that_does_not_stream) {
    conversation with(get_executor(), {{std::string(R"({"choices":[{"index":0,"finish_reason":"stop",)"),
                                        R"("message":{"role":"assistant","content":"all"}}]})"}});
    auto answer = with.ask();
    const auto whole = co_await answer.try_finish();
    CO_ASSERT_TRUE(whole);
    EXPECT_EQ(whole->text(), "all");
}

}  // namespace
}  // namespace chorus::chat_stream_tests
