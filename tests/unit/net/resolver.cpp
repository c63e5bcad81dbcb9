// Look-ups: shared, remembered, not held up by one family of addresses, and left behind when nobody wants to wait.
#include <chorus/async/sleep.hpp>
#include <chorus/net/resolver.hpp>
#include <chorus/testing/gtest.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace resolver_tests {

namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::ip::tcp;
using chorus::awaitable;
using chorus::errc;
using chorus::result;
using chorus::net::address_cache;
using chorus::net::address_list;
using chorus::net::resolver;
using chorus::net::platform::address_families;
using ::testing::ElementsAre;

const address_list two{asio::ip::make_address("2001:db8::1"), asio::ip::make_address("192.0.2.1")};
using endpoints = result<std::vector<tcp::endpoint>>;

/// Stands in for the system: counts the questions, and answers when told to.
class name_server {
 public:
    explicit name_server(bool answers_at_once = true) : state_(std::make_shared<state>()) {
        for (auto& desk : state_->desks) desk.is_open = answers_at_once;
    }
    /// Nothing waits here when the test is over: threads that still do are let go.
    ~name_server() {
        answer();
        answer(address_families::ipv4);
    }

    resolver::look_up_function function() const {
        return [self = state_](const std::string& host, address_families wanted) -> result<address_list> {
            std::unique_lock lock(self->mutex);
            auto& desk = self->at(wanted);
            desk.questions.push_back(host);
            self->changed.notify_all();
            self->changed.wait(lock, [&] { return desk.is_open; });
            if (desk.failure) return *desk.failure;
            if (host == "throws") throw std::runtime_error("out of luck");
            if (host == "empty") return address_list();
            return wanted == address_families::ipv4 ? address_list{two[1]} : two;
        };
    }
    void answer(address_families wanted = address_families::all) {
        std::lock_guard lock(state_->mutex);
        state_->at(wanted).is_open = true;
        state_->changed.notify_all();
    }
    void fail(std::optional<chorus::error> failure, address_families wanted = address_families::all) {
        std::lock_guard lock(state_->mutex);
        state_->at(wanted).failure = std::move(failure);
    }
    void wait_for_question(address_families wanted = address_families::all) { wait_for_questions(1, wanted); }
    void wait_for_questions(std::size_t count, address_families wanted = address_families::all) {
        std::unique_lock lock(state_->mutex);
        state_->changed.wait(lock, [&] { return state_->at(wanted).questions.size() >= count; });
    }
    std::vector<std::string> questions(address_families wanted = address_families::all) const {
        std::lock_guard lock(state_->mutex);
        return state_->at(wanted).questions;
    }

 private:
    struct desk {
        bool is_open = true;
        std::optional<chorus::error> failure;
        std::vector<std::string> questions;
    };
    struct state {
        std::mutex mutex;
        std::condition_variable changed;
        std::array<desk, 2> desks;

        desk& at(address_families wanted) { return desks[wanted == address_families::ipv4]; }
    };
    std::shared_ptr<state> state_;
};

/// For tests in which the threads take as long as they take: IPv4 is never asked for by itself.
constexpr chorus::net::resolver_options patient{.resolution_delay = 24h};

chorus::error because(const char* reason) {
    chorus::error failure(errc::resolve_failed);
    return failure.cause(reason);
}

/// A caller that waits on its own and can be cancelled.
struct caller {
    asio::cancellation_signal signal;
    std::optional<endpoints> outcome;

    void ask(chorus::executor executor, resolver& names, std::string host) {
        asio::co_spawn(executor, names.resolve(std::move(host), 443),
                       asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr thrown, endpoints value) {
                           EXPECT_FALSE(thrown);
                           outcome = std::move(value);
                       }));
    }
};

awaitable<void> until(const caller& one) {
    const auto executor = co_await chorus::this_coro::executor;
    while (!one.outcome) co_await asio::post(executor, chorus::use_awaitable);
}

CHORUS_REAL_TIME_TEST(resolver, gives_the_addresses_with_the_port) {
    const name_server server;
    resolver names(get_executor(), patient, server.function());
    const auto found = co_await names.resolve("api.example.com", 8443);
    CO_ASSERT_TRUE(found.has_value());
    EXPECT_THAT(*found, ElementsAre(tcp::endpoint(two[0], 8443), tcp::endpoint(two[1], 8443)));
}

CHORUS_REAL_TIME_TEST(resolver, asks_nobody_about_addresses) {
    const name_server server;
    resolver names(get_executor(), patient, server.function());
    for (const char* address : {"192.0.2.7", "::1", "2001:db8::7"}) {
        const auto found = co_await names.resolve(address, 443);
        CO_ASSERT_TRUE(found.has_value());
        EXPECT_THAT(*found, ElementsAre(tcp::endpoint(asio::ip::make_address(address), 443)));
    }
    EXPECT_TRUE(server.questions().empty());
}

CHORUS_REAL_TIME_TEST(resolver, asks_the_system_by_default) {
    resolver names(get_executor());
    const auto found = co_await names.resolve("localhost", 443);
    CO_ASSERT_TRUE(found.has_value());
    EXPECT_TRUE(found->front().address().is_loopback());
}

CHORUS_REAL_TIME_TEST(resolver, remembers_an_answer_for_every_port_until_told_to_forget) {
    const name_server server;
    resolver names(get_executor(), patient, server.function());
    static_cast<void>(co_await names.resolve("host", 443));
    const auto again = co_await names.resolve("host", 80);
    CO_ASSERT_TRUE(again.has_value());
    EXPECT_EQ(again->front().port(), 80);
    EXPECT_EQ(server.questions().size(), 1u);
    names.forget("host");
    static_cast<void>(co_await names.resolve("host", 443));
    EXPECT_EQ(server.questions().size(), 2u);
}

CHORUS_TEST(resolver, asks_again_when_the_answer_is_too_old) {
    name_server server(false);
    resolver names(get_executor(), {.time_to_live = 30s}, server.function());
    caller first;
    first.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    server.answer();
    co_await until(first);
    co_await chorus::sleep_for(29s);
    EXPECT_TRUE((co_await names.resolve("host", 443)).has_value());
    EXPECT_EQ(server.questions().size(), 1u);
    co_await chorus::sleep_for(1s);
    caller second;
    second.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_questions(2);
    co_await until(second);
    EXPECT_TRUE(second.outcome->has_value());
}

CHORUS_REAL_TIME_TEST(resolver, joins_those_who_ask_for_the_same_host) {
    name_server server(false);
    resolver names(get_executor(), patient, server.function());
    std::vector<caller> callers(3);
    for (auto& one : callers) one.ask(get_executor(), names, "host");
    caller other;
    other.ask(get_executor(), names, "other");
    server.wait_for_question();
    server.answer();
    for (auto& one : callers) {
        co_await until(one);
        EXPECT_TRUE(one.outcome->has_value());
    }
    co_await until(other);
    EXPECT_THAT(server.questions(), ::testing::UnorderedElementsAre("host", "other"));
}

CHORUS_REAL_TIME_TEST(resolver, a_cancelled_caller_leaves_at_once_and_the_others_stay) {
    name_server server(false);
    resolver names(get_executor(), patient, server.function());
    caller leaves;
    caller stays;
    leaves.ask(get_executor(), names, "host");
    stays.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    leaves.signal.emit(asio::cancellation_type::terminal);
    co_await until(leaves);
    CO_ASSERT_FALSE(leaves.outcome->has_value());
    EXPECT_EQ(leaves.outcome->error(), errc::cancelled);
    EXPECT_EQ(leaves.outcome->error().phase(), chorus::phase::dns);
    EXPECT_FALSE(stays.outcome);

    server.answer();
    co_await until(stays);
    EXPECT_TRUE(stays.outcome->has_value());
}

CHORUS_REAL_TIME_TEST(resolver, a_caller_may_join_a_look_up_that_all_others_have_left) {
    name_server server(false);
    resolver names(get_executor(), patient, server.function());
    caller leaves;
    leaves.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    leaves.signal.emit(asio::cancellation_type::terminal);
    co_await until(leaves);
    caller joins;
    joins.ask(get_executor(), names, "host");
    server.answer();
    co_await until(joins);
    EXPECT_TRUE(joins.outcome->has_value());
    EXPECT_EQ(server.questions().size(), 1u);
}

CHORUS_REAL_TIME_TEST(resolver, its_end_cancels_those_who_wait) {
    name_server server(false);
    std::optional<resolver> names(std::in_place, get_executor(), chorus::net::resolver_options(), server.function());
    caller waits;
    waits.ask(get_executor(), *names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    names.reset();
    co_await until(waits);
    CO_ASSERT_FALSE(waits.outcome->has_value());
    EXPECT_EQ(waits.outcome->error(), errc::cancelled);
}

TEST(resolver, a_look_up_outlives_loop_and_resolver_without_harm) {
    name_server server(false);
    {
        asio::io_context loop;
        resolver names(loop.get_executor(), patient, server.function());
        caller waits;
        waits.ask(loop.get_executor(), names, "host");
        loop.poll();
        server.wait_for_question();
        waits.signal.emit(asio::cancellation_type::terminal);
        loop.run();  // ends although the look-up goes on
        EXPECT_TRUE(waits.outcome.has_value());
    }
    server.answer();
}

TEST(resolver, a_loop_that_is_dropped_takes_its_waiting_callers_along) {
    name_server server(false);
    struct program {
        static awaitable<void> main(resolver::look_up_function look_up, std::shared_ptr<int> alive) {
            resolver names(co_await chorus::this_coro::executor, {}, std::move(look_up));
            static_cast<void>(co_await names.resolve("host", 443));
            ++*alive;
        }
    };
    const auto alive = std::make_shared<int>(0);
    {
        asio::io_context dropped;
        asio::co_spawn(dropped, program::main(server.function(), alive), [](std::exception_ptr) {});
        dropped.poll();
        server.wait_for_question();
    }
    EXPECT_EQ(alive.use_count(), 1) << "the coroutine must be gone";
    EXPECT_EQ(*alive, 0);
}

CHORUS_REAL_TIME_TEST(resolver, tells_everybody_the_reason_and_does_not_remember_it) {
    name_server server;
    chorus::error failure(errc::resolve_failed);
    server.fail(failure.cause("Name or service not known"));
    resolver names(get_executor(), patient, server.function());
    const auto refused = co_await names.resolve("host", 443);
    CO_ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error(), errc::resolve_failed);
    EXPECT_EQ(refused.error().phase(), chorus::phase::dns);
    EXPECT_EQ(refused.error().text(), "host");
    EXPECT_EQ(refused.error().cause(), "Name or service not known");
    server.fail(std::nullopt);
    EXPECT_TRUE((co_await names.resolve("host", 443)).has_value());
}

CHORUS_REAL_TIME_TEST(resolver, asks_for_ipv4_alone_only_when_the_answer_takes_long) {
    const name_server server;
    resolver names(get_executor(), patient, server.function());
    CO_ASSERT_TRUE((co_await names.resolve("host", 443)).has_value());
    EXPECT_TRUE(server.questions(address_families::ipv4).empty());
}

CHORUS_TEST(resolver, is_not_held_up_by_a_name_server_that_is_silent_about_ipv6) {
    name_server server(false);
    server.answer(address_families::ipv4);
    resolver names(get_executor(), {.resolution_delay = 50ms}, server.function());
    caller waits;
    waits.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    co_await chorus::sleep_for(49ms);
    EXPECT_TRUE(server.questions(address_families::ipv4).empty());
    co_await chorus::sleep_for(2ms);
    server.wait_for_question(address_families::ipv4);
    co_await until(waits);
    CO_ASSERT_TRUE(waits.outcome->has_value());
    EXPECT_THAT(**waits.outcome, ElementsAre(tcp::endpoint(two[1], 443)));

    // The answer for both families is late, and what was found is remembered.
    server.answer();
    const auto again = co_await names.resolve("host", 443);
    CO_ASSERT_TRUE(again.has_value());
    EXPECT_THAT(*again, ElementsAre(tcp::endpoint(two[1], 443)));
    EXPECT_EQ(server.questions().size(), 1u);
}

CHORUS_TEST(resolver, takes_the_answer_for_both_families_when_it_comes_before_that_for_ipv4) {
    name_server server(false);
    resolver names(get_executor(), {}, server.function());
    caller waits;
    waits.ask(get_executor(), names, "host");
    co_await chorus::sleep_for(1s);
    server.wait_for_question(address_families::ipv4);
    EXPECT_FALSE(waits.outcome);
    server.answer();
    co_await until(waits);
    CO_ASSERT_TRUE(waits.outcome->has_value());
    EXPECT_EQ((*waits.outcome)->size(), 2u);
}

CHORUS_TEST(resolver, waits_for_the_answer_for_both_families_when_there_is_no_ipv4) {
    name_server server(false);
    server.fail(because("No address associated with hostname"), address_families::ipv4);
    server.answer(address_families::ipv4);
    resolver names(get_executor(), {}, server.function());
    caller waits;
    waits.ask(get_executor(), names, "host");
    co_await chorus::sleep_for(1s);
    server.wait_for_question(address_families::ipv4);
    EXPECT_FALSE(waits.outcome);
    server.answer();
    co_await until(waits);
    EXPECT_TRUE(waits.outcome->has_value());
}

CHORUS_TEST(resolver, waits_for_ipv4_when_the_answer_for_both_families_is_a_failure) {
    name_server server(false);
    server.fail(because("Temporary failure in name resolution"));
    resolver names(get_executor(), {}, server.function());
    caller waits;
    waits.ask(get_executor(), names, "host");
    co_await chorus::sleep_for(1s);
    server.wait_for_question(address_families::ipv4);
    server.answer();
    server.answer(address_families::ipv4);
    co_await until(waits);
    EXPECT_TRUE(waits.outcome->has_value());
}

CHORUS_TEST(resolver, tells_the_reason_for_both_families_in_whichever_order_they_fail) {
    for (const auto last : {address_families::all, address_families::ipv4}) {
        const auto first = last == address_families::all ? address_families::ipv4 : address_families::all;
        name_server server(false);
        server.fail(because("Name or service not known"));
        server.fail(because("No address associated with hostname"), address_families::ipv4);
        resolver names(get_executor(), {}, server.function());
        caller waits;
        waits.ask(get_executor(), names, "host");
        co_await chorus::sleep_for(1s);
        server.wait_for_question(address_families::ipv4);
        server.answer(first);
        server.answer(last);
        co_await until(waits);
        CO_ASSERT_FALSE(waits.outcome->has_value());
        EXPECT_EQ(waits.outcome->error().cause(), "Name or service not known");
        EXPECT_EQ(waits.outcome->error().text(), "host");
    }
}

CHORUS_TEST(resolver, asks_for_ipv4_for_a_caller_who_joins_when_all_others_have_left) {
    name_server server(false);
    server.answer(address_families::ipv4);
    resolver names(get_executor(), {}, server.function());
    caller leaves;
    leaves.ask(get_executor(), names, "host");
    co_await asio::post(get_executor(), chorus::use_awaitable);
    server.wait_for_question();
    leaves.signal.emit(asio::cancellation_type::terminal);
    co_await until(leaves);
    co_await chorus::sleep_for(1s);
    EXPECT_TRUE(server.questions(address_families::ipv4).empty()) << "nobody waits";
    const auto found = co_await names.resolve("host", 443);
    CO_ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->size(), 1u);
}

CHORUS_TEST(resolver, its_end_cancels_those_who_wait_for_either_answer) {
    name_server server(false);
    std::optional<resolver> names(std::in_place, get_executor(), chorus::net::resolver_options(), server.function());
    caller waits;
    waits.ask(get_executor(), *names, "host");
    co_await chorus::sleep_for(1s);
    server.wait_for_question(address_families::ipv4);
    names.reset();
    co_await until(waits);
    CO_ASSERT_FALSE(waits.outcome->has_value());
    EXPECT_EQ(waits.outcome->error(), errc::cancelled);
}

TEST(resolver, a_loop_that_ends_before_the_second_question_takes_it_along) {
    name_server server(false);
    asio::io_context loop;
    std::optional<resolver> names(std::in_place, loop.get_executor(), patient, server.function());
    caller waits;
    waits.ask(loop.get_executor(), *names, "host");
    loop.poll();
    names.reset();
    loop.run();  // ends: nothing is left to wait for
    EXPECT_TRUE(waits.outcome.has_value());
}

CHORUS_REAL_TIME_TEST(resolver, takes_no_address_and_an_exception_for_failures) {
    const name_server server;
    resolver names(get_executor(), patient, server.function());
    const auto empty = co_await names.resolve("empty", 443);
    CO_ASSERT_FALSE(empty.has_value());
    EXPECT_EQ(empty.error(), errc::resolve_failed);
    const auto thrown = co_await names.resolve("throws", 443);
    CO_ASSERT_FALSE(thrown.has_value());
    EXPECT_EQ(thrown.error(), errc::exception);
    EXPECT_EQ(thrown.error().phase(), chorus::phase::dns);
}

constexpr chorus::clock::time_point start{};

TEST(address_cache, remembers_for_its_time_to_live) {
    address_cache cache(30s);
    EXPECT_EQ(cache.find("host", start), nullptr);
    cache.store("host", two, start);
    ASSERT_NE(cache.find("host", start + 30s - 1ns), nullptr);
    EXPECT_EQ(*cache.find("host", start), two);
    EXPECT_EQ(cache.find("host", start + 30s), nullptr);
    EXPECT_EQ(cache.find("other", start), nullptr);
}

TEST(address_cache, takes_the_latest_answer) {
    address_cache cache(30s);
    cache.store("host", two, start);
    cache.store("host", {two[1]}, start + 20s);
    ASSERT_NE(cache.find("host", start + 40s), nullptr);
    EXPECT_THAT(*cache.find("host", start + 40s), ElementsAre(two[1]));
    EXPECT_EQ(cache.size(), 1u);
}

TEST(address_cache, drops_what_expires_first_when_full) {
    address_cache cache(30s, 2);
    cache.store("a", two, start + 1s);
    cache.store("b", two, start);
    cache.store("c", two, start + 2s);
    EXPECT_EQ(cache.size(), 2u);
    EXPECT_EQ(cache.find("b", start + 2s), nullptr);
    EXPECT_NE(cache.find("a", start + 2s), nullptr);
    EXPECT_NE(cache.find("c", start + 2s), nullptr);
}

TEST(address_cache, remembers_nothing_without_a_time_to_live) {
    address_cache cache(0s);
    cache.store("host", two, start);
    EXPECT_EQ(cache.size(), 0u);
}

}  // namespace

}  // namespace resolver_tests
