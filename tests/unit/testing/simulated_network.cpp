#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>

#include <boost/asio/redirect_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace chorus::testing::simulated_network_tests {
namespace {

using namespace std::chrono_literals;
using net::io_status;

net::io_result put(net::stream& into, std::string_view bytes) {
    return into.write_some({bytes.data(), bytes.size()});
}

/// All that comes until nothing more does, and how it ended.
struct arrival {
    std::string bytes;
    net::io_result last;
};
awaitable<arrival> receive(net::stream& from, clock::duration patience = 1h) {
    arrival all;
    const clock::time_point end = now(from.get_executor()) + patience;
    for (char buffer[64]; now(from.get_executor()) < end;) {
        all.last = from.read_some(buffer);
        if (all.last.status == io_status::done) {
            all.bytes.append(buffer, all.last.bytes);
        } else if (all.last.status == io_status::want_read) {
            co_await sleep_for(1ms);
        } else {
            break;
        }
    }
    co_return all;
}

simulated_connection with_fault(simulated_fault fault, std::size_t after) {
    simulated_connection plan;
    plan.to_server.fault = fault;
    plan.to_server.fault_after = after;
    return plan;
}

CHORUS_TEST(simulated_network, delivers_after_the_latency_and_no_faster_than_the_line) {
    simulated_connection plan;
    plan.to_server.latency = 30ms;
    plan.to_server.bytes_per_second = 1'000;
    plan.to_server.segment_bytes = 10;
    auto ends = make_simulated_ends(get_executor(), plan);
    const auto start = now(get_executor());
    put(*ends.client, "0123456789abcdefghij");
    char buffer[64];
    for (const auto& [when, size] : {std::pair(40ms, 10), std::pair(50ms, 10)}) {
        EXPECT_EQ(ends.server->read_some(buffer).status, io_status::want_read);
        boost::system::error_code failure;
        co_await ends.server->async_wait(net::readiness::read, asio::redirect_error(use_awaitable, failure));
        EXPECT_EQ(now(get_executor()) - start, when);
        EXPECT_EQ(ends.server->read_some(buffer).bytes, static_cast<std::size_t>(size));
    }
}

CHORUS_TEST(simulated_network, holds_back_a_sender_until_the_receiver_reads) {
    simulated_connection plan;
    plan.to_server.buffer_bytes = 8;
    auto ends = make_simulated_ends(get_executor(), plan);
    EXPECT_EQ(put(*ends.client, "0123456789").bytes, 8U);
    EXPECT_EQ(put(*ends.client, "89").status, io_status::want_write);
    char buffer[4];
    EXPECT_EQ(ends.server->read_some(buffer).bytes, 4U);
    boost::system::error_code failure;
    co_await ends.client->async_wait(net::readiness::write, asio::redirect_error(use_awaitable, failure));
    EXPECT_FALSE(failure);
    EXPECT_EQ(put(*ends.client, "89").bytes, 2U);
}

CHORUS_TEST(simulated_network, breaks_a_direction_at_the_byte_that_is_named) {
    struct expectation {
        simulated_fault fault;
        io_status receiver;
        io_status sender;
    };
    for (const auto& [fault, receiver, sender] :
         {expectation{simulated_fault::reset, io_status::failed, io_status::failed},
          expectation{simulated_fault::end, io_status::end, io_status::failed},
          expectation{simulated_fault::half_close, io_status::end, io_status::want_read},
          expectation{simulated_fault::stall, io_status::want_read, io_status::want_read}}) {
        auto ends = make_simulated_ends(get_executor(), with_fault(fault, 5));
        put(*ends.client, "0123456789");
        const auto came = co_await receive(*ends.server, 10s);
        EXPECT_EQ(came.bytes, "01234");
        EXPECT_EQ(came.last.status, receiver) << static_cast<int>(fault);
        char buffer[8];
        EXPECT_EQ(ends.client->read_some(buffer).status, sender) << static_cast<int>(fault);
        put(*ends.server, "back");
        if (sender != io_status::want_read) continue;
        EXPECT_EQ(ends.client->read_some(buffer).bytes, 4U) << "the other direction is whole";
    }
}

CHORUS_TEST(simulated_network, turns_what_follows_into_noise_of_the_same_length) {
    auto ends = make_simulated_ends(get_executor(), with_fault(simulated_fault::garbage, 5));
    put(*ends.client, "0123456789");
    const auto came = co_await receive(*ends.server, 10ms);
    EXPECT_EQ(came.bytes.substr(0, 5), "01234");
    EXPECT_EQ(came.bytes.size(), 10U);
    EXPECT_NE(came.bytes, "0123456789");
}

CHORUS_TEST(simulated_network, delivers_what_stalled_for_a_time) {
    auto plan = with_fault(simulated_fault::stall, 5);
    plan.to_server.stall_for = 3s;
    auto ends = make_simulated_ends(get_executor(), plan);
    put(*ends.client, "0123456789");
    EXPECT_EQ((co_await receive(*ends.server, 2900ms)).bytes, "01234");
    EXPECT_EQ((co_await receive(*ends.server, 200ms)).bytes, "56789");
}

CHORUS_TEST(simulated_network, closes_in_order_and_resets_where_something_is_unread) {
    auto in_order = make_simulated_ends(get_executor());
    put(*in_order.client, "all");
    in_order.client->close();
    const auto came = co_await receive(*in_order.server);
    EXPECT_EQ(came.bytes, "all");
    EXPECT_EQ(came.last.status, io_status::end);
    put(*in_order.server, "too late");
    EXPECT_EQ((co_await receive(*in_order.server)).last.status, io_status::failed);

    auto unread = make_simulated_ends(get_executor());
    put(*unread.server, "nobody reads this");
    unread.client->close();
    EXPECT_EQ((co_await receive(*unread.server)).last.status, io_status::failed);
}

CHORUS_TEST(simulated_network, aborts_the_waits_of_an_end_that_is_closed) {
    auto ends = make_simulated_ends(get_executor());
    bool was_aborted = false;
    ends.client->async_wait(net::readiness::read, [&](boost::system::error_code failure) {
        was_aborted = failure == asio::error::operation_aborted;
    });
    ends.client->close();
    EXPECT_FALSE(was_aborted) << "never from inside";
    co_await sleep_for(1ms);
    EXPECT_TRUE(was_aborted);
}

CHORUS_TEST(simulated_network, carries_a_client_and_its_failures_to_connect) {
    auto network = std::make_shared<simulated_network>(get_executor());
    simulated_server server(*network, "api.test");
    simulated_connection plan;
    plan.opens_after = 40ms;
    network->plan([&](const http::origin&) { return plan; });
    auto transport = net::http_transport::create(get_executor(), {}, {}, http::protocol::http1,
                                                 policy::proxy_settings::none(), network)
                         .value();
    openai api;
    api.base_url(server.base_url()).api_key("sk-test");
    auto options = client_options().max_attempts(1).connect_timeout(2s);
    {
        client llm(get_executor(), api, transport, options);
        const auto started = now(get_executor());
        const auto answer = co_await llm.try_complete(chat_request("m").user("hi"));
        CO_ASSERT_TRUE(answer);
        EXPECT_EQ(answer->text(), "echo: hi");
        EXPECT_EQ(answer->timing().connect, 40ms);
        EXPECT_EQ(now(get_executor()) - started, 40ms);
        server.close_connections();

        plan.opening = simulated_opening::refused;
        const auto refused = co_await llm.try_complete(chat_request("m").user("hi"));
        CO_ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error(), errc::connect_failed);

        plan.opening = simulated_opening::hangs;
        const auto late = co_await llm.try_complete(chat_request("m").user("hi"));
        CO_ASSERT_FALSE(late);
        EXPECT_EQ(late.error(), errc::connect_timed_out);
    }
    co_await sleep_for(1ms);
    EXPECT_EQ(network->open_ends(), 0U);
}

}  // namespace
}  // namespace chorus::testing::simulated_network_tests
