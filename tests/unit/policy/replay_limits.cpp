#include <chorus/policy/replay_limits.hpp>

#include <gtest/gtest.h>

namespace chorus::policy::replay_limits_tests {
namespace {

using http::replay_level;
using state = replay_limits::connection_state;

error lost(phase where) {
    error failed(errc::connection_lost);
    return failed.phase(where);
}

/// A connection that had served others and carried this request alone.
constexpr state was_idle{.answered = 3, .under_way = 1, .is_reusable = false, .was_of_use = true};

TEST(replay_limits, sends_again_once_what_met_the_closing_of_an_idle_connection) {
    for (const phase where : {phase::first_byte, phase::write}) {
        replay_limits limits;
        EXPECT_TRUE(limits.allow(lost(where), was_idle, replay_level::any));
        EXPECT_FALSE(limits.allow(lost(phase::first_byte), was_idle, replay_level::any));
        EXPECT_FALSE(limits.allow(lost(phase::write), was_idle, replay_level::any));
    }
}

TEST(replay_limits, sends_nothing_again_that_the_level_of_the_request_forbids) {
    const auto allowed = [](const error& failed, replay_level level) {
        return replay_limits().allow(failed, was_idle, level);
    };
    for (const phase where : {phase::first_byte, phase::write}) {
        EXPECT_FALSE(allowed(lost(where), replay_level::never));
        EXPECT_FALSE(allowed(lost(where), replay_level::not_sent)) << "part of it may have arrived";
        EXPECT_TRUE(allowed(lost(where), replay_level::no_response_bytes));
    }
    EXPECT_FALSE(allowed(error(errc::refused), replay_level::never));
    EXPECT_TRUE(allowed(error(errc::refused), replay_level::not_sent));
}

TEST(replay_limits, does_not_send_again_what_a_fresh_connection_lost) {
    replay_limits limits;
    EXPECT_FALSE(limits.allow(lost(phase::write), {.answered = 0, .under_way = 1}, replay_level::any));
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle, replay_level::any)) << "what was not allowed does not count";
}

TEST(replay_limits, sends_again_what_was_lost_among_others_only_if_nothing_was_heard_since) {
    replay_limits limits;
    EXPECT_FALSE(limits.allow(lost(phase::first_byte), {.answered = 3, .under_way = 2}, replay_level::any));
    EXPECT_TRUE(limits.allow(lost(phase::write), {.answered = 3, .under_way = 2}, replay_level::any));
}

TEST(replay_limits, sends_again_four_times_what_a_server_refuses_that_does_nothing_else) {
    replay_limits limits;
    const state busy{.answered = 3, .under_way = 5, .is_reusable = true, .was_of_use = true};
    const state useless{.answered = 0, .under_way = 1, .is_reusable = false, .was_of_use = false};
    EXPECT_TRUE(limits.allow(error(errc::refused), busy, replay_level::any));
    EXPECT_TRUE(limits.allow(error(errc::refused), useless, replay_level::any));
    EXPECT_TRUE(limits.allow(error(errc::refused), busy, replay_level::any));
    EXPECT_TRUE(limits.allow(error(errc::refused), useless, replay_level::any));
    EXPECT_FALSE(limits.allow(error(errc::refused), busy, replay_level::any));
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle, replay_level::any)) << "losses are counted apart";
}

TEST(replay_limits, sends_again_without_limit_while_each_connection_gets_something_done) {
    replay_limits limits;
    const state said_goodbye{.answered = 1, .under_way = 4, .is_reusable = false, .was_of_use = true};
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(limits.allow(error(errc::refused), said_goodbye, replay_level::any));
}

TEST(replay_limits, mends_nothing_else) {
    replay_limits limits;
    for (const errc code : {errc::truncated, errc::protocol_error, errc::deadline_exceeded, errc::cancelled,
                            errc::first_byte_timed_out, errc::client_closed, errc::connect_failed}) {
        EXPECT_FALSE(limits.allow(error(code), was_idle, replay_level::any));
    }
}

}  // namespace
}  // namespace chorus::policy::replay_limits_tests
