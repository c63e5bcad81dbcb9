#include <chorus/policy/replay_limits.hpp>

#include <gtest/gtest.h>

namespace chorus::policy {
namespace {

using state = replay_limits::connection_state;

error lost(phase where) {
    error failed(errc::connection_lost);
    return failed.phase(where);
}

/// A connection that had served others and carried this request alone.
constexpr state was_idle{.answered = 3, .under_way = 1, .is_reusable = false, .was_of_use = true};

TEST(replay_limits, sends_again_twice_what_met_the_closing_of_an_idle_connection) {
    replay_limits limits;
    EXPECT_TRUE(limits.allow(lost(phase::first_byte), was_idle));
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle));
    EXPECT_FALSE(limits.allow(lost(phase::first_byte), was_idle));
}

TEST(replay_limits, does_not_send_again_what_a_fresh_connection_lost) {
    replay_limits limits;
    EXPECT_FALSE(limits.allow(lost(phase::write), {.answered = 0, .under_way = 1}));
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle)) << "what was not allowed does not count";
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle));
}

TEST(replay_limits, sends_again_what_was_lost_among_others_only_if_nothing_was_heard_since) {
    replay_limits limits;
    EXPECT_FALSE(limits.allow(lost(phase::first_byte), {.answered = 3, .under_way = 2}));
    EXPECT_TRUE(limits.allow(lost(phase::write), {.answered = 3, .under_way = 2}));
}

TEST(replay_limits, sends_again_four_times_what_a_server_refuses_that_does_nothing_else) {
    replay_limits limits;
    const state busy{.answered = 3, .under_way = 5, .is_reusable = true, .was_of_use = true};
    const state useless{.answered = 0, .under_way = 1, .is_reusable = false, .was_of_use = false};
    EXPECT_TRUE(limits.allow(error(errc::refused), busy));
    EXPECT_TRUE(limits.allow(error(errc::refused), useless));
    EXPECT_TRUE(limits.allow(error(errc::refused), busy));
    EXPECT_TRUE(limits.allow(error(errc::refused), useless));
    EXPECT_FALSE(limits.allow(error(errc::refused), busy));
    EXPECT_TRUE(limits.allow(lost(phase::write), was_idle)) << "losses are counted apart";
}

TEST(replay_limits, sends_again_without_limit_while_each_connection_gets_something_done) {
    replay_limits limits;
    const state said_goodbye{.answered = 1, .under_way = 4, .is_reusable = false, .was_of_use = true};
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(limits.allow(error(errc::refused), said_goodbye));
}

TEST(replay_limits, mends_nothing_else) {
    replay_limits limits;
    for (const errc code : {errc::truncated, errc::protocol_error, errc::deadline_exceeded, errc::cancelled,
                            errc::first_byte_timed_out, errc::client_closed, errc::connect_failed}) {
        EXPECT_FALSE(limits.allow(error(code), was_idle));
    }
}

}  // namespace
}  // namespace chorus::policy
