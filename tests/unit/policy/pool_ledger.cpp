#include <chorus/policy/pool_ledger.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace chorus::policy::pool_ledger_tests {
namespace {

using namespace std::chrono_literals;
using action_kind = pool_ledger::action_kind;
using id = pool_ledger::connection_id;

const http::origin first{true, "first.example", 443};
const http::origin second{true, "second.example", 443};
const http::origin plain{false, "localhost", 8000};

/// Plays the owner of a ledger: opens what it is told to open, and remembers who got what.
class pool_ledger_test : public testing::Test {
 protected:
    void limit(std::size_t total, std::size_t per_origin) {
        pool_options options;
        options.max_connections = total;
        options.max_connections_per_origin = per_origin;
        ledger = pool_ledger(options);
    }

    struct acquisition {
        id connection;
        std::uint64_t ticket;
    };

    acquisition acquire(const http::origin& where, int who) {
        acquisition got{ledger.acquire(where, now), 0};
        if (got.connection == pool_ledger::no_connection) {
            got.ticket = ledger.enqueue(where, &people[static_cast<std::size_t>(who)]);
        }
        carry_out();
        return got;
    }
    void release(id connection, bool reusable = true, std::optional<std::chrono::seconds> keep_alive = {}) {
        ledger.release(connection, reusable, keep_alive, now);
        carry_out();
    }
    void opened(id connection, std::size_t capacity = 1) {
        opening.erase(connection);
        ledger.opened(connection, capacity, now);
        carry_out();
    }
    /// Lets the ledger learn that the connections of an origin carry `capacity` leases, and leaves none open.
    void learn(const http::origin& where, std::size_t capacity = 1) {
        acquire(where, 9'999);
        opened(opening.begin()->first, capacity);
        release(granted.at(9'999), false);
        granted.clear();
        closed.clear();
    }
    /// A connection that stands and is leased to `who`.
    id lease_new(const http::origin& where, int who) {
        acquire(where, who);
        opened(opening.rbegin()->first);
        return granted.at(who);
    }
    void carry_out() {
        for (const auto& action : ledger.take_actions()) {
            switch (action.kind) {
                case action_kind::open:
                    opening.emplace(action.connection, *action.origin);
                    break;
                case action_kind::close:
                    closed.push_back(action.connection);
                    break;
                case action_kind::grant:
                    granted[static_cast<int>(static_cast<char*>(action.waiter) - people.data())] = action.connection;
                    break;
            }
        }
    }
    const pool_ledger::counts& totals() const { return ledger.totals(); }

    pool_ledger ledger;
    pool_ledger::time_point now{};
    std::vector<char> people = std::vector<char>(10'000);
    std::map<id, http::origin> opening;
    std::map<int, id> granted;
    std::vector<id> closed;
};

TEST_F(pool_ledger_test, opens_a_connection_for_the_first_and_grants_it_when_it_stands) {
    EXPECT_EQ(acquire(first, 1).connection, pool_ledger::no_connection);
    ASSERT_EQ(opening.size(), 1u);
    EXPECT_EQ(opening.begin()->second, first);
    EXPECT_EQ(totals().waiting, 1u);
    EXPECT_EQ(totals().connecting, 1u);
    const id connection = opening.begin()->first;
    opened(connection);
    EXPECT_EQ(granted.at(1), connection);
    EXPECT_EQ(totals().in_use, 1u);
    EXPECT_EQ(totals().waiting, 0u);
}

TEST_F(pool_ledger_test, reuses_the_connection_released_last) {
    const id a = lease_new(first, 1);
    const id b = lease_new(first, 2);
    release(b);
    release(a);
    EXPECT_EQ(acquire(first, 3).connection, a);
    EXPECT_EQ(acquire(first, 4).connection, b);
    EXPECT_EQ(totals().opened, 2u);
}

TEST_F(pool_ledger_test, never_leases_a_connection_to_another_origin) {
    release(lease_new(first, 1));
    EXPECT_EQ(acquire(second, 2).connection, pool_ledger::no_connection);
    EXPECT_EQ(acquire(http::origin{false, "first.example", 443}, 3).connection, pool_ledger::no_connection);
    EXPECT_EQ(acquire(http::origin{true, "first.example", 444}, 4).connection, pool_ledger::no_connection);
}

TEST_F(pool_ledger_test, serves_waiters_in_order_of_arrival) {
    limit(1, 1);
    const id only = lease_new(first, 0);
    for (int who = 1; who <= 5; ++who) acquire(first, who);
    for (int who = 1; who <= 5; ++who) {
        EXPECT_FALSE(granted.contains(who));
        release(only);
        EXPECT_EQ(granted.at(who), only);
    }
}

TEST_F(pool_ledger_test, knows_who_waits_longest_whatever_the_origin) {
    limit(1, 1);
    EXPECT_EQ(ledger.longest_waiting(), nullptr);
    const id only = lease_new(second, 0);
    const auto one = acquire(second, 1);
    acquire(first, 2);
    EXPECT_EQ(ledger.longest_waiting(), &people[1]);
    ledger.abandon(second, one.ticket);
    EXPECT_EQ(ledger.longest_waiting(), &people[2]);
    acquire(second, 3);
    EXPECT_EQ(ledger.longest_waiting(), &people[2]);
    ledger.dismiss_all();
    EXPECT_EQ(ledger.longest_waiting(), nullptr);
    release(only);
}

TEST_F(pool_ledger_test, gives_whatever_is_free_first_to_who_waits_longest) {
    const id a = lease_new(first, 1);
    acquire(first, 2);  // a second connection is on its way for him
    ASSERT_EQ(opening.size(), 1u);
    release(a);
    EXPECT_EQ(granted.at(2), a);
    const id late = opening.begin()->first;
    opened(late);  // nobody waits: it is kept
    EXPECT_EQ(totals().idle, 1u);
    EXPECT_EQ(acquire(first, 3).connection, late);
}

TEST_F(pool_ledger_test, keeps_to_the_limit_of_an_origin_and_to_that_of_all) {
    limit(3, 2);
    learn(first);
    learn(second);
    for (int who = 0; who < 4; ++who) acquire(first, who);
    EXPECT_EQ(opening.size(), 2u);
    for (int who = 4; who < 8; ++who) acquire(second, who);
    EXPECT_EQ(opening.size(), 3u);
    EXPECT_EQ(totals().waiting, 8u);
}

TEST_F(pool_ledger_test, opens_no_more_at_once_than_allowed_and_goes_on_as_each_ends) {
    pool_options options;
    options.max_connecting = 2;
    ledger = pool_ledger(options);
    learn(first);
    for (int who = 0; who < 5; ++who) acquire(first, who);
    EXPECT_EQ(opening.size(), 2u);
    opened(opening.begin()->first);
    EXPECT_EQ(opening.size(), 2u);
    const id failing = opening.begin()->first;
    opening.erase(failing);
    EXPECT_EQ(ledger.open_failed(failing), std::vector<void*>{&people[1]});
    carry_out();
    EXPECT_EQ(opening.size(), 2u);
    EXPECT_EQ(totals().connecting, 2u);
}

TEST_F(pool_ledger_test, opens_one_connection_until_it_knows_what_one_can_carry) {
    for (int who = 0; who < 250; ++who) acquire(first, who);
    EXPECT_EQ(opening.size(), 1u);
    opened(opening.begin()->first, 100);
    EXPECT_EQ(granted.size(), 100u);
    EXPECT_EQ(opening.size(), 2u) << "150 wait: two more connections of 100 serve them";
    for (int i = 0; i < 2; ++i) opened(opening.begin()->first, 100);
    EXPECT_EQ(granted.size(), 250u);
    EXPECT_EQ(totals().opened, 3u);
}

TEST_F(pool_ledger_test, gives_the_error_of_the_first_opening_to_all_who_wait_for_it) {
    acquire(first, 1);
    acquire(first, 2);
    acquire(second, 3);
    const id failing = opening.begin()->first;
    EXPECT_EQ(ledger.open_failed(failing), (std::vector<void*>{&people[1], &people[2]}));
    carry_out();
    EXPECT_EQ(totals().waiting, 1u);
}

TEST_F(pool_ledger_test, closes_an_idle_connection_of_another_origin_to_make_room) {
    limit(2, 2);
    const id older = lease_new(first, 1);
    const id newer = lease_new(first, 2);
    release(older);
    now += 1s;
    release(newer);
    acquire(second, 3);
    EXPECT_EQ(closed, std::vector<id>{older});
    EXPECT_EQ(opening.size(), 1u);
}

TEST_F(pool_ledger_test, gives_the_room_of_a_released_connection_to_a_longer_waiter_of_another_origin) {
    limit(1, 1);
    const id only = lease_new(first, 1);
    acquire(second, 2);
    acquire(first, 3);
    release(only);
    EXPECT_EQ(closed, std::vector<id>{only});
    ASSERT_EQ(opening.size(), 1u);
    EXPECT_EQ(opening.begin()->second, second);
    const id other = opening.begin()->first;
    opened(other);
    EXPECT_EQ(granted.at(2), other);
    release(other);
    EXPECT_EQ(opening.begin()->second, first);
}

TEST_F(pool_ledger_test, opens_first_for_who_waits_longest_without_a_connection_on_its_way) {
    limit(2, 2);
    learn(first);
    learn(second);
    const id busy = lease_new(second, 0);
    acquire(first, 1);  // has a connection on its way
    acquire(second, 2);
    acquire(first, 3);
    opening.clear();
    release(busy, false);
    ASSERT_EQ(opening.size(), 1u);
    EXPECT_EQ(opening.begin()->second, second) << "2 came before 3";
}

TEST_F(pool_ledger_test, passes_over_empty_places_when_it_opens_a_connection) {
    limit(1, 1);
    learn(first);
    const id busy = lease_new(first, 0);
    const auto left = acquire(first, 1);
    acquire(first, 2);
    const auto left_too = acquire(first, 3);
    ledger.abandon(first, left_too.ticket);
    ledger.abandon(first, left.ticket);
    ledger.release(busy, false, std::nullopt, now);
    for (const auto& action : ledger.take_actions()) {
        EXPECT_TRUE(action.kind != action_kind::open || action.waiter == &people[2]);
    }
}

TEST_F(pool_ledger_test, replaces_a_connection_that_cannot_be_reused_when_somebody_waits) {
    limit(1, 1);
    const id broken = lease_new(first, 1);
    acquire(first, 2);
    release(broken, false);
    EXPECT_EQ(closed, std::vector<id>{broken});
    ASSERT_EQ(opening.size(), 1u);
    opened(opening.begin()->first);
    EXPECT_TRUE(granted.contains(2));
}

TEST_F(pool_ledger_test, gives_the_error_of_a_failed_opening_to_who_waits_longest_and_tries_again_for_the_rest) {
    limit(1, 1);
    learn(first);
    acquire(first, 1);
    acquire(first, 2);
    const id failing = opening.begin()->first;
    opening.clear();
    EXPECT_EQ(ledger.open_failed(failing), std::vector<void*>{&people[1]});
    carry_out();
    EXPECT_EQ(totals().waiting, 1u);
    EXPECT_EQ(opening.size(), 1u);
    EXPECT_EQ(ledger.open_failed(opening.begin()->first), std::vector<void*>{&people[2]});
}

TEST_F(pool_ledger_test, has_no_one_to_tell_of_a_failed_opening_when_all_have_left) {
    const auto place = acquire(first, 1);
    ledger.abandon(first, place.ticket);
    EXPECT_TRUE(ledger.open_failed(opening.begin()->first).empty());
    EXPECT_EQ(totals().connecting, 0u);
    EXPECT_EQ(totals().waiting, 0u);
}

TEST_F(pool_ledger_test, passes_over_those_who_left_the_queue) {
    limit(1, 1);
    const id only = lease_new(first, 0);
    acquire(first, 1);
    const auto second_place = acquire(first, 2);
    acquire(first, 3);
    ledger.abandon(first, second_place.ticket);
    EXPECT_EQ(totals().waiting, 2u);
    release(only);
    EXPECT_TRUE(granted.contains(1));
    release(only);
    EXPECT_TRUE(granted.contains(3));
    EXPECT_FALSE(granted.contains(2));
}

TEST_F(pool_ledger_test, closes_idle_connections_when_their_time_is_over) {
    const id tls = lease_new(first, 1);
    const id local = lease_new(plain, 2);
    release(tls);
    release(local);
    EXPECT_EQ(ledger.next_expiry(), now + 4s);
    now += 4s;
    ledger.expire(now);
    carry_out();
    EXPECT_EQ(closed, std::vector<id>{local});
    EXPECT_EQ(ledger.next_expiry(), now + 56s);
    now += 56s;
    ledger.expire(now);
    carry_out();
    EXPECT_EQ(closed, (std::vector<id>{local, tls}));
    EXPECT_EQ(ledger.next_expiry(), std::nullopt);
}

TEST_F(pool_ledger_test, does_not_lease_a_connection_whose_time_is_over) {
    const id old = lease_new(first, 1);
    release(old);
    now += 60s;
    EXPECT_EQ(acquire(first, 2).connection, pool_ledger::no_connection);
    EXPECT_EQ(closed, std::vector<id>{old});
}

TEST_F(pool_ledger_test, obeys_a_shorter_keep_alive_of_the_server_with_a_second_in_hand) {
    const id connection = lease_new(first, 1);
    release(connection, true, 5s);
    EXPECT_EQ(ledger.next_expiry(), now + 4s);
    EXPECT_EQ(acquire(first, 2).connection, connection);
    release(connection, true, 500s);
    now += 59s;
    EXPECT_EQ(acquire(first, 3).connection, connection);
}

TEST_F(pool_ledger_test, retires_a_connection_that_has_reached_its_age) {
    const id connection = lease_new(first, 1);
    now += 10min;
    release(connection);
    EXPECT_EQ(closed, std::vector<id>{connection});
}

TEST_F(pool_ledger_test, keeps_connections_without_end_if_told_so) {
    pool_options options;
    options.max_age = options.idle_timeout = std::chrono::milliseconds::max();
    ledger = pool_ledger(options);
    now += 1h;
    const id connection = lease_new(first, 1);
    release(connection);
    now += 24h * 365;
    ledger.expire(now);
    carry_out();
    EXPECT_EQ(closed, std::vector<id>{});
    EXPECT_EQ(acquire(first, 2).connection, connection);
}

TEST_F(pool_ledger_test, shares_a_connection_up_to_its_capacity) {
    acquire(first, 0);
    const id shared = opening.begin()->first;
    opened(shared, 3);
    EXPECT_EQ(acquire(first, 1).connection, shared);
    EXPECT_EQ(acquire(first, 2).connection, shared);
    EXPECT_EQ(acquire(first, 3).connection, pool_ledger::no_connection);
    EXPECT_EQ(totals().in_use, 1u);
    EXPECT_EQ(totals().leases, 3u);
    release(shared);
    EXPECT_EQ(granted.at(3), shared);
    release(shared, false);
    EXPECT_TRUE(closed.empty()) << "two still use it";
    EXPECT_EQ(acquire(first, 4).connection, pool_ledger::no_connection);
    release(shared);
    release(shared);
    EXPECT_EQ(closed, std::vector<id>{shared});
}

TEST_F(pool_ledger_test, shares_a_connection_up_to_what_it_carries_now) {
    acquire(first, 0);
    const id shared = opening.begin()->first;
    opened(shared, 3);
    EXPECT_EQ(acquire(first, 1).connection, shared);
    ledger.resize(shared, 1);
    EXPECT_EQ(acquire(first, 2).connection, pool_ledger::no_connection);
    release(shared);
    EXPECT_FALSE(granted.contains(2)) << "one of two is left, which is as many as it carries";
    release(shared);
    EXPECT_EQ(granted.at(2), shared);
    EXPECT_EQ(acquire(first, 3).connection, pool_ledger::no_connection);
    EXPECT_EQ(acquire(first, 4).connection, pool_ledger::no_connection);
    ledger.resize(shared, 5);
    release(shared);
    EXPECT_EQ(granted.at(3), shared);
    EXPECT_EQ(granted.at(4), shared);
    EXPECT_EQ(acquire(first, 5).connection, shared);
}

TEST_F(pool_ledger_test, retires_all_and_dismisses_the_queue_on_request) {
    limit(2, 2);
    const id idle = lease_new(first, 1);
    release(idle);
    const id busy = lease_new(second, 2);
    acquire(second, 3);
    EXPECT_EQ(closed, std::vector<id>{idle});
    EXPECT_EQ(ledger.dismiss_all(), std::vector<void*>{&people[3]});
    ledger.retire_all();
    carry_out();
    release(busy);
    opened(opening.begin()->first);
    EXPECT_EQ(closed.size(), 3u);
    EXPECT_EQ(totals().idle + totals().in_use + totals().connecting + totals().waiting, 0u);
}

TEST_F(pool_ledger_test, notices_books_that_do_not_add_up) {
    const auto place = acquire(first, 1);
    ledger.abandon(first, place.ticket);
    EXPECT_TRUE(ledger.adds_up());
    ledger.opened(opening.begin()->first, 0, now);  // room for nobody, and listed among those with room
    EXPECT_FALSE(ledger.adds_up());
#ifndef NDEBUG
    EXPECT_DEATH(ledger.acquire(second, now), "adds_up");
#endif
}

#ifndef NDEBUG
TEST_F(pool_ledger_test, dies_in_debug_builds_of_what_is_told_twice) {
    limit(1, 1);
    const id only = lease_new(first, 1);
    acquire(first, 2);
    const std::uint64_t ticket = acquire(first, 3).ticket;
    ledger.abandon(first, ticket);
    EXPECT_DEATH(ledger.abandon(first, ticket), "ticket");
    ledger.abandon(first, ticket - 1);
    EXPECT_DEATH(ledger.opened(only, 1, now), "connecting");
    EXPECT_DEATH(ledger.open_failed(only), "connecting");
    release(only);
    EXPECT_DEATH(ledger.release(only, true, std::nullopt, now), "leases > 0");
    EXPECT_TRUE(ledger.adds_up());
}
#endif

TEST_F(pool_ledger_test, adds_up_after_any_sequence_of_events) {
    const std::vector<http::origin> origins = {first, second, plain};
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937 random(seed);
        auto below = [&](std::size_t bound) {
            return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
        };
        pool_options options;
        options.max_connections = 1 + below(6);
        options.max_connections_per_origin = 1 + below(4);
        options.max_connecting = 1 + below(3);
        pool_ledger book(options);
        pool_ledger::time_point time{};
        struct place {
            http::origin origin;
            std::uint64_t ticket;
        };
        std::map<void*, place> waiting;
        std::map<http::origin, std::uint64_t> last_served;
        std::map<id, http::origin> connecting;
        std::map<id, std::size_t> leases;  // of every connection that stands
        std::map<id, std::size_t> capacity;
        std::size_t next_person = 0;

        auto drain = [&] {
            for (const auto& action : book.take_actions()) {
                if (action.kind == action_kind::open) {
                    ASSERT_TRUE(connecting.emplace(action.connection, *action.origin).second);
                    ASSERT_FALSE(leases.contains(action.connection));
                } else if (action.kind == action_kind::close) {
                    ASSERT_EQ(leases.at(action.connection), 0u) << "closed while leased";
                    leases.erase(action.connection);
                } else {
                    const place& served = waiting.at(action.waiter);
                    ASSERT_LT(last_served[served.origin], served.ticket) << "out of turn";
                    last_served[served.origin] = served.ticket;
                    waiting.erase(action.waiter);
                    ASSERT_LE(++leases.at(action.connection), capacity[action.connection]);
                }
            }
            ASSERT_TRUE(book.adds_up());
            std::size_t all_leases = 0;
            for (const auto& [connection, count] : leases) all_leases += count;
            ASSERT_LE(leases.size() + connecting.size(), options.max_connections);
            ASSERT_LE(connecting.size(), options.max_connecting);
            ASSERT_EQ(book.totals().leases, all_leases);
            ASSERT_EQ(book.totals().waiting, waiting.size());
            ASSERT_EQ(book.totals().connecting, connecting.size());
            ASSERT_EQ(book.totals().in_use + book.totals().idle, leases.size());
            if (!waiting.empty() && connecting.empty()) {
                ASSERT_GT(all_leases, 0u) << "somebody waits and nothing is under way: stuck";
            }
        };
        for (int step = 0; step < 400; ++step) {
            time += std::chrono::milliseconds(below(3000));
            switch (below(6)) {
                case 0:
                case 1: {
                    void* who = &people[next_person++ % people.size()];
                    const http::origin& where = origins[below(3)];
                    const id got = book.acquire(where, time);
                    if (got == pool_ledger::no_connection) {
                        waiting[who] = {where, book.enqueue(where, who)};
                    } else {
                        ASSERT_LE(++leases.at(got), capacity[got]);
                    }
                    break;
                }
                case 2:
                    if (!connecting.empty()) {
                        const id connection =
                            std::next(connecting.begin(), static_cast<long>(below(connecting.size())))->first;
                        connecting.erase(connection);
                        if (below(4) == 0) {
                            for (void* unlucky : book.open_failed(connection)) waiting.erase(unlucky);
                        } else {
                            leases[connection] = 0;
                            capacity[connection] = 1 + below(3);
                            book.opened(connection, capacity[connection], time);
                        }
                    }
                    break;
                case 3:
                case 4: {
                    std::vector<id> leased;
                    for (const auto& [connection, count] : leases) {
                        if (count > 0) leased.push_back(connection);
                    }
                    if (!leased.empty()) {
                        const id connection = leased[below(leased.size())];
                        if (below(4) == 0) {
                            capacity[connection] = 1 + below(3);
                            book.resize(connection, capacity[connection]);
                        }
                        --leases[connection];
                        book.release(connection, below(4) != 0, std::nullopt, time);
                    }
                    break;
                }
                default:
                    if (!waiting.empty() && below(2) == 0) {
                        const auto leaving = std::next(waiting.begin(), static_cast<long>(below(waiting.size())));
                        book.abandon(leaving->second.origin, leaving->second.ticket);
                        waiting.erase(leaving);
                    } else if (book.next_expiry() && *book.next_expiry() <= time) {
                        book.expire(time);
                    }
            }
            drain();
            if (HasFatalFailure()) FAIL() << "seed " << seed << " step " << step;
        }
    }
}

}  // namespace
}  // namespace chorus::policy::pool_ledger_tests
