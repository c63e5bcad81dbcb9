// Thousands of calls over real TLS to a server that fails in every way it can: each ends with the right answer or with
// the error of its trouble, and afterwards sockets and memory are what they were. `benchmarks/soak --chaos` is the
// same with a hundred thousand.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/testing/mock_server.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <ranges>
#include <string>
#include <utility>

#include <support/chaos.hpp>

namespace chorus {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

awaitable<result<chat_response>> ask(client& llm, std::size_t question) {
    chat_request request("m");
    request.user(chaos_prompt(question));
    auto work =
        question / 2 % 3 == 0 ? llm.stream(std::move(request)).try_finish() : llm.try_complete(std::move(request));
    co_return co_await std::move(work);
}

/// Asks so many questions of a server and a client made for them.
awaitable<void> ask_all(executor here, bool http2, std::size_t questions) {
    testing::mock_options behaviour;
    behaviour.http2(http2).max_concurrent_streams(8);
    testing::mock_server server(here, behaviour);
    server.on_problem([](std::string_view) {});  // the script has no last step
    make_trouble(server, http2);
    net::tls_options tls;
    tls.ca_pem(server.ca_pem());
    auto options = client_options().limits(chaos_limits()).max_connections(32).max_attempts(1).tls(tls);
    options.protocol(http2 ? http::protocol::http2 : http::protocol::http1);
    openai api;
    api.base_url(server.base_url()).api_key("sk-chaos");
    client llm(here, api, options);
    std::size_t answered = 0;
    std::size_t wrong = 0;
    const auto work = [&](std::size_t question) { return ask(llm, question); };
    const auto judge = [&](std::size_t question, const result<chat_response>& outcome) {
        const trouble what = trouble_of(question, http2);
        if (outcome) ++answered;
        const bool is_right = outcome ? may_succeed(what) && outcome->text() == "echo: " + chaos_prompt(question)
                                      : explains(what, outcome.error(), http2);
        if (is_right || wrong++ > 5) return;
        ADD_FAILURE() << "question " << question << ", trouble " << static_cast<int>(what) << ": "
                      << (outcome ? std::string(outcome->text()) : outcome.error().message());
    };
    co_await for_each_completed(std::views::iota(std::size_t{0}, questions), work, {.limit = 48}, judge);
    EXPECT_EQ(wrong, 0U);
    EXPECT_GT(answered, questions / 3);
    EXPECT_EQ(llm.pool_stats().in_use, 0U);
    co_await llm.close();
}

awaitable<void> survive(testing::coroutine_test& test, bool http2) {
    test.wall_limit(200s);
    co_await ask_all(test.get_executor(), http2, 100);  // what a loop opens once, is open then
    co_await sleep_for(50ms);                           // for the server's ends of what was closed
    const std::size_t descriptors = open_descriptors();
    co_await ask_all(test.get_executor(), http2, 3'000);
    for (int looks = 0; open_descriptors() > descriptors && looks < 100; ++looks) co_await sleep_for(50ms);
    EXPECT_LE(open_descriptors(), descriptors);
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
}  // namespace chorus
