// Contracts of what the transport sends again by itself. Proxies, TLS and real servers have tests of their own.
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/net/dialer.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/test_stream.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#ifdef CHORUS_WITH_HTTP2
#include <support/h2_peer.hpp>
#endif

namespace chorus::net::http_transport_tests {
namespace {

using namespace std::chrono_literals;
using http::replay_level;
using testing::test_wire;

const http::origin somewhere{false, "host.example", 80};
constexpr replay_level all_levels[] = {replay_level::never, replay_level::not_sent, replay_level::no_response_bytes,
                                       replay_level::any};

/// Opens streams whose other ends the test holds.
class wires final : public dialer {
 public:
    explicit wires(executor ex) : executor_(std::move(ex)) {}

    awaitable<result<std::unique_ptr<stream>>> dial(const http::origin&, http::timing&) override {
        all.push_back(std::make_shared<test_wire>(executor_));
        std::unique_ptr<stream> end = all.back()->make_stream();
        co_return end;
    }

    std::vector<std::shared_ptr<test_wire>> all;

 private:
    executor executor_;
};

/// A transport over such streams.
struct site {
    site(executor ex, http::protocol protocol)
        : home(ex),
          there(std::make_shared<wires>(ex)),
          transport(http_transport::create(ex, {}, {}, protocol, policy::proxy_settings::none(), there).value()) {}

    task<result<http::response>> ask(replay_level level = replay_level::any) {
        return spawn(home, exchange(transport, level));
    }
    static awaitable<result<http::response>> exchange(std::shared_ptr<http_transport> carrier, replay_level level) {
        http::request message;
        message.origin = somewhere;
        message.replay = level;
        message.body = "question";
        const http::limits caps;
        http::response answer;
        const auto sent = co_await carrier->send(message, caps, answer);
        if (!sent) co_return sent.error();
        co_return answer;
    }

    executor home;
    std::shared_ptr<wires> there;
    std::shared_ptr<http_transport> transport;
};

CHORUS_TEST(http_transport, sends_once_more_over_http1_what_met_a_closed_connection_where_the_level_allows_it) {
    for (const replay_level level : all_levels) {
        site over(get_executor(), http::protocol::http1);
        auto first = over.ask();
        auto second = over.ask();
        co_await sleep_for(1ns);
        CO_ASSERT_EQ(over.there->all.size(), 2u);
        for (const auto& wire : over.there->all) {
            wire->feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            wire->written.clear();
        }
        CO_ASSERT_TRUE(co_await std::move(first));
        CO_ASSERT_TRUE(co_await std::move(second));

        // Each of the idle connections turns out to be closed when the request is on its way.
        auto unlucky = over.ask(level);
        std::size_t sent = 0;
        while (!unlucky.done()) {
            co_await sleep_for(1ns);
            for (const auto& wire : over.there->all) {
                if (wire->written.empty()) continue;
                ++sent;
                wire->written.clear();
                wire->end();
            }
        }
        const auto outcome = co_await std::move(unlucky);
        CO_ASSERT_FALSE(outcome);
        EXPECT_EQ(outcome.error(), errc::connection_lost);
        EXPECT_EQ(sent, level >= replay_level::no_response_bytes ? 2u : 1u) << static_cast<int>(level);
        EXPECT_EQ(outcome.error().attempts(), static_cast<int>(sent));
        EXPECT_EQ(over.there->all.size(), 2u) << "a third time would have been over a new connection";
    }
}

#ifdef CHORUS_WITH_HTTP2

/// The servers at the other ends, and what goes between.
struct h2_site : site {
    explicit h2_site(executor ex) : site(ex, http::protocol::http2) {}

    awaitable<void> settle() {
        for (bool is_quiet = false; !is_quiet;) {
            co_await sleep_for(1ns);
            is_quiet = true;
            while (servers.size() < there->all.size()) servers.push_back(std::make_unique<testing_support::h2_peer>());
            for (std::size_t i = 0; i < servers.size(); ++i) {
                test_wire& wire = *there->all[i];
                if (!wire.written.empty()) servers[i]->receive(std::exchange(wire.written, {}));
                const std::string answer = servers[i]->send();
                if (answer.empty()) continue;
                wire.feed(answer);
                is_quiet = false;
            }
        }
    }
    std::size_t requests() const {
        std::size_t count = 0;
        for (const auto& server : servers) count += server->requests.size();
        return count;
    }

    std::vector<std::unique_ptr<testing_support::h2_peer>> servers;
};

// A server that refuses a stream, or says goodbye before it, has not processed it (RFC 9113, 8.7): that is safe at the
// level at which a loss is not.
CHORUS_TEST(http_transport, sends_again_over_http2_what_the_level_allows) {
    enum class fate { refused, not_reached, lost };
    for (const fate what : {fate::refused, fate::not_reached, fate::lost}) {
        for (const replay_level level : all_levels) {
            h2_site over(get_executor());
            auto first = over.ask();
            co_await over.settle();
            over.servers[0]->respond(1, {{":status", "200"}}, "");
            co_await over.settle();
            CO_ASSERT_TRUE(co_await std::move(first));

            auto unlucky = over.ask(level);
            co_await over.settle();
            CO_ASSERT_EQ(over.requests(), 2u);
            if (what == fate::refused) over.servers[0]->reset(3, NGHTTP2_REFUSED_STREAM);
            if (what == fate::not_reached) over.servers[0]->go_away(1);
            if (what == fate::lost) over.there->all[0]->end();
            co_await over.settle();
            const bool is_sent_again =
                level >= (what == fate::lost ? replay_level::no_response_bytes : replay_level::not_sent);
            CO_ASSERT_EQ(over.requests(), is_sent_again ? 3u : 2u)
                << static_cast<int>(what) << ' ' << static_cast<int>(level);
            if (is_sent_again) {
                over.servers.back()->respond(what == fate::refused ? 5 : 1, {{":status", "200"}}, "");
                co_await over.settle();
            }
            CO_ASSERT_TRUE(unlucky.done());
            const auto outcome = co_await std::move(unlucky);
            CO_ASSERT_EQ(outcome.has_value(), is_sent_again);
            if (outcome) continue;
            EXPECT_EQ(outcome.error(), what == fate::lost ? errc::connection_lost : errc::refused);
            EXPECT_EQ(outcome.error().attempts(), 1);
        }
    }
}

#endif

}  // namespace
}  // namespace chorus::net::http_transport_tests
