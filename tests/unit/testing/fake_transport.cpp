#include <chorus/testing/fake_transport.hpp>
#include <chorus/testing/gtest.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <support/collecting_sink.hpp>

namespace chorus::testing::fake_transport_tests {
namespace {

using namespace std::chrono_literals;
using testing_support::collecting_sink;

http::response whole_answer(std::string body) {
    http::response answer;
    answer.status = 200;
    answer.body = std::move(body);
    return answer;
}

streamed_answer in_pieces(std::vector<streamed_answer::piece> pieces, error ending = {}) {
    streamed_answer answer;
    answer.head.status = 200;
    answer.pieces = std::move(pieces);
    answer.ending = std::move(ending);
    return answer;
}

CHORUS_TEST(fake_transport, gives_the_whole_in_one_piece_where_no_pieces_are_scripted) {
    fake_transport fake([](const http::request&) { return whole_answer("hello"); });
    const http::request message;
    const http::limits caps;
    const auto opened = co_await fake.open(message, caps);
    CO_ASSERT_TRUE(opened);
    EXPECT_EQ((*opened)->take_head().status, 200);
    collecting_sink sink;
    const auto step = co_await (*opened)->read(sink, {});
    CO_ASSERT_TRUE(step && *step);
    EXPECT_EQ(sink.body, "hello");
    EXPECT_TRUE((*opened)->is_complete());
    EXPECT_EQ(fake.requests.size(), 1u);
}

CHORUS_TEST(fake_transport, gives_a_piece_a_read_and_then_the_end) {
    fake_transport fake([](const http::request&) { return whole_answer(""); });
    fake.answer_in_pieces([](const http::request&) { return in_pieces({{"a"}, {"b"}}); });
    const http::request message;
    const http::limits caps;
    const auto opened = co_await fake.open(message, caps);
    CO_ASSERT_TRUE(opened);
    collecting_sink sink;
    for (const std::string expected : {"a", "ab"}) {
        EXPECT_FALSE((*opened)->is_complete());
        const auto step = co_await (*opened)->read(sink, {});
        CO_ASSERT_TRUE(step && *step);
        EXPECT_EQ(sink.body, expected);
    }
    EXPECT_TRUE((*opened)->is_complete());
    EXPECT_EQ(fake.streams().ended, 1u);
    const auto step = co_await (*opened)->read(sink, {});
    CO_ASSERT_TRUE(step);
    EXPECT_FALSE(*step);
    EXPECT_EQ(fake.streams().reads, 3u);
    EXPECT_EQ(fake.requests.size(), 1u);
}

CHORUS_TEST(fake_transport, ends_with_an_error_where_the_script_says_so) {
    fake_transport fake([](const http::request&) { return whole_answer(""); });
    fake.answer_in_pieces([](const http::request&) { return in_pieces({{"a"}}, error(errc::truncated)); });
    const http::request message;
    const http::limits caps;
    const auto opened = co_await fake.open(message, caps);
    CO_ASSERT_TRUE(opened);
    collecting_sink sink;
    CO_ASSERT_TRUE(co_await (*opened)->read(sink, {}));
    EXPECT_FALSE((*opened)->is_complete());
    const auto step = co_await (*opened)->read(sink, {});
    CO_ASSERT_FALSE(step);
    EXPECT_EQ(step.error(), errc::truncated);
    EXPECT_FALSE((*opened)->is_complete());
    EXPECT_EQ(fake.streams().ended, 1u);
    EXPECT_EQ(fake.streams().open, 0u);
}

CHORUS_TEST(fake_transport, keeps_the_reader_waiting_up_to_its_limit) {
    fake_transport fake([](const http::request&) { return whole_answer(""); });
    fake.answer_in_pieces([](const http::request&) { return in_pieces({{"a", 2s}, {"b", 4s}}); });
    const http::request message;
    const http::limits caps;
    const auto opened = co_await fake.open(message, caps);
    CO_ASSERT_TRUE(opened);
    collecting_sink sink;
    const auto start = chorus::now(get_executor());
    CO_ASSERT_TRUE(co_await (*opened)->read(sink, {start + 3s, errc::idle_timed_out}));
    EXPECT_EQ(chorus::now(get_executor()) - start, 2s);
    const auto late = co_await (*opened)->read(sink, {start + 5s, errc::idle_timed_out});
    EXPECT_EQ(chorus::now(get_executor()) - start, 5s);
    CO_ASSERT_FALSE(late);
    EXPECT_EQ(late.error(), errc::idle_timed_out);
    EXPECT_EQ(sink.body, "a");
}

CHORUS_TEST(fake_transport, remembers_who_left_early_even_when_it_is_gone) {
    auto fake = std::make_unique<fake_transport>([](const http::request&) { return whole_answer(""); });
    fake->answer_in_pieces([](const http::request&) { return in_pieces({{"a"}}); });
    const http::request message;
    const http::limits caps;
    auto leaves = co_await fake->open(message, caps);
    auto outlives = co_await fake->open(message, caps);
    CO_ASSERT_TRUE(leaves && outlives);
    EXPECT_EQ(fake->streams().open, 2u);
    leaves->reset();
    EXPECT_EQ(fake->streams().open, 1u);
    EXPECT_EQ(fake->streams().dropped, 1u);
    EXPECT_EQ(fake->streams().ended, 0u);
    fake.reset();
    outlives->reset();
}

}  // namespace
}  // namespace chorus::testing::fake_transport_tests
