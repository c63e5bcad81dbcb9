// Thousands of calls over real TLS to a server that fails in every way it can: each ends with the right answer or with
// the error of its trouble, and afterwards sockets and memory are what they were. `benchmarks/soak --chaos` is the
// same with a hundred thousand.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>
#include <ranges>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>
#include <support/chaos.hpp>

#ifdef __SANITIZE_ADDRESS__
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();  // g++ 12 comes without the header of it
#endif

namespace chorus::chaos_tests {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Bytes that the program holds, whatever the allocator keeps for later.
std::size_t held_bytes() {
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    const auto all = mallinfo2();
    return all.uordblks + all.hblkhd;
#endif
}

/// A server, two clients with one pool, of which one asks where nobody listens, and what became of each question.
class ordeal {
 public:
    ordeal(executor here, bool http2, std::size_t attempts)
        : http2_(http2),
          attempts_(attempts),
          server_(here, testing::mock_options().http2(http2).max_concurrent_streams(most_streams)) {
        server_.on_problem([](std::string_view) {});  // the script has no last step
        make_trouble(server_, http2);
        server_.on_request([this](const testing::mock_request& request) {
            const std::size_t question = number_in(request.prompt);
            const trouble what = trouble_of(question, http2_);
            if (what == trouble::refuse) ++refusals_;
            if (company_of(what) != company::harmless) ++breaks_;
            auto& worst = worst_on_[request.connection];
            worst = std::max(worst, company_of(what));
            connections_of_[question].insert(request.connection);
        });
        net::tls_options tls;
        tls.ca_pem(server_.ca_pem());
        policy::pool_options pool;
        pool.max_connections = most_connections;
        wire_ = net::http_transport::create(here, pool, tls, http2 ? http::protocol::http2 : http::protocol::http1,
                                            policy::proxy_settings::none())
                    .value();
        const auto options = client_options()
                                 .limits(chaos_limits())
                                 .retries({.max_attempts = static_cast<int>(attempts), .first_delay = 1ms})
                                 .retry_budget({.tokens = 1'000'000});
        somebody_ = std::make_unique<client>(here, at(server_.base_url()), wire_, options);
        nobody_ = std::make_unique<client>(here, at(closed_.base_url()), wire_, options);
    }

    /// Asks so many questions, judges their outcomes, and closes everything.
    awaitable<void> ask_all(std::size_t questions) {
        const auto work = [this](std::size_t question) { return ask(question); };
        const auto note = [this](std::size_t question, const result<chat_response>& outcome) {
            judge(question, outcome);
        };
        co_await for_each_completed(std::views::iota(std::size_t{0}, questions), work, {.limit = 48}, note);
        for (const auto& [question, failed] : cut_) judge_cut(question, failed);
        EXPECT_EQ(wrong_, 0U);
        EXPECT_GT(answered_, questions / 3);
        EXPECT_LE(unseen_, breaks_ * most_streams) << "no more can be lost with a connection";
        if (!http2_) {
            EXPECT_LE(closed_at_once_, refusals_) << "each of them closes one connection before TLS";
        }
        EXPECT_EQ(wire_->pool_stats().in_use, 0U);
        EXPECT_EQ(wire_->pool_stats().waiting, 0U);
        EXPECT_LE(wire_->pool_stats().idle, most_connections);
        co_await somebody_->close();
        // What was being opened for calls that others served, comes to its end too.
        const auto& seen = server_.counters();
        const auto is_over = [&] { return wire_->pool_stats().connecting + seen.open_connections == 0; };
        for (int looks = 0; !is_over() && looks < 100; ++looks) co_await sleep_for(50ms);
        EXPECT_EQ(wire_->pool_stats().idle + wire_->pool_stats().connecting, 0U);
        EXPECT_EQ(seen.open_connections, 0U);
        EXPECT_EQ(seen.in_flight, 0U);
        EXPECT_EQ(seen.streams_open, 0U);
    }

 private:
    static constexpr std::size_t most_connections = 32;
    static constexpr std::uint32_t most_streams = 8;

    static openai at(const std::string& base_url) { return openai().base_url(base_url).api_key("sk-chaos"); }

    awaitable<result<chat_response>> ask(std::size_t question) {
        const trouble what = trouble_of(question, http2_);
        client& whom = what == trouble::nobody ? *nobody_ : *somebody_;
        chat_request request("m");
        request.user(chaos_prompt(question));
        auto work = question / 2 % 3 == 0 ? whom.stream(std::move(request)).try_finish()
                                          : whom.try_complete(std::move(request));
        co_return co_await std::move(work);
    }

    void judge(std::size_t question, const result<chat_response>& outcome) {
        const trouble what = trouble_of(question, http2_);
        if (outcome) {
            ++answered_;
            if (!may_succeed(what) || outcome->text() != "echo: " + chaos_prompt(question)) {
                complain(question, "is answered: " + std::string(outcome->text()));
            }
            return;
        }
        const error& failed = outcome.error();
        if (failed == errc::tls_failed && failed.phase() == phase::tls) ++closed_at_once_;
        if (explains(what, failed, http2_, company::harmless)) {
            const bool is_lasting = what == trouble::busy || what == trouble::broken || what == trouble::nobody;
            if (is_lasting && std::max<std::size_t>(failed.history().size(), 1) != attempts_) {
                complain(question, "is not tried as often as it may be: " + failed.message());
            }
        } else if (http2_) {
            cut_.emplace_back(question, failed);  // who else was on its connection, is known at the end
        } else {
            complain(question, failed.message());
        }
    }

    void judge_cut(std::size_t question, const error& failed) {
        company worst = company::harmless;
        for (const std::uint64_t connection : connections_of_[question]) {
            worst = std::max(worst, worst_on_[connection]);
        }
        if (explains(trouble_of(question, true), failed, true, worst)) return;
        // It went down with a connection before the server had read it.
        const bool may_be_unread =
            failed == errc::connection_lost || failed == errc::refused || failed == errc::protocol_error;
        if (!may_be_unread) return complain(question, failed.message());
        ++unseen_;
    }

    void complain(std::size_t question, const std::string& what) {
        if (wrong_++ > 5) return;
        ADD_FAILURE() << "question " << question << ", trouble " << static_cast<int>(trouble_of(question, http2_))
                      << ": " << what;
    }

    const bool http2_;
    const std::size_t attempts_;
    testing::mock_server server_;
    closed_port closed_;
    std::shared_ptr<net::http_transport> wire_;
    std::unique_ptr<client> somebody_;
    std::unique_ptr<client> nobody_;
    std::map<std::uint64_t, company> worst_on_;                      // a connection of HTTP/2
    std::map<std::size_t, std::set<std::uint64_t>> connections_of_;  // a question
    std::vector<std::pair<std::size_t, error>> cut_;
    std::size_t answered_ = 0;
    std::size_t wrong_ = 0;
    std::size_t refusals_ = 0;
    std::size_t closed_at_once_ = 0;
    std::size_t breaks_ = 0;
    std::size_t unseen_ = 0;
};

awaitable<void> survive(testing::coroutine_test& test, bool http2) {
    test.wall_limit(200s);
    std::size_t descriptors = 0;
    std::size_t bytes = 0;
    // What a loop opens once, is open after the first and short round.
    const std::pair<std::size_t, std::size_t> rounds[] = {{100, 1}, {2'000, 1}, {1'000, 3}};
    for (const auto& [questions, attempts] : rounds) {
        auto all = std::make_unique<ordeal>(test.get_executor(), http2, attempts);
        co_await all->ask_all(questions);
        all.reset();
        if (descriptors == 0) {
            co_await sleep_for(50ms);
            descriptors = open_descriptors();
            bytes = held_bytes();
        }
        for (int looks = 0; open_descriptors() > descriptors && looks < 100; ++looks) co_await sleep_for(50ms);
        EXPECT_LE(open_descriptors(), descriptors);
    }
    // Some buffers stay as large as they had to be once, a hundred kilobytes in all. The rest is 30 bytes a call.
    constexpr std::size_t tolerated = 192 * 1024;
    EXPECT_LE(held_bytes(), bytes + tolerated);
}

CHORUS_REAL_TIME_TEST(chaos, ends_every_call_rightly_over_http1) {
    co_await survive(*this, false);
}

#ifdef CHORUS_WITH_HTTP2
CHORUS_REAL_TIME_TEST(chaos, ends_every_call_rightly_over_http2) {
    co_await survive(*this, true);
}
#endif

}  // namespace
}  // namespace chorus::chaos_tests
