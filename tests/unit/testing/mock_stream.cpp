#include <chorus/testing/mock_stream.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace mock_stream_tests {

namespace {

using namespace chorus::testing;
using namespace std::chrono_literals;

const chorus::clock::time_point start{1h};

mock_stream of(std::vector<std::string> pieces) {
    return mock_stream(mock_pieces(std::make_shared<const std::vector<std::string>>(std::move(pieces))));
}

// Takes all that may be taken, divided by bars.
std::string take(mock_stream& stream, chorus::clock::time_point now = start) {
    std::string all;
    while (stream.may_take(now)) {
        stream.take(all);
        all += '|';
    }
    return all;
}

TEST(mock_stream, gives_its_pieces_one_after_the_other) {
    mock_stream stream = of({"one", "two", "three"});
    stream.start(start);
    EXPECT_EQ(take(stream), "one|two|three|");
    EXPECT_TRUE(stream.is_over());
    EXPECT_FALSE(stream.due());
}

TEST(mock_stream, without_pieces_is_over_with_the_first) {
    mock_stream stream = of({});
    stream.start(start);
    EXPECT_FALSE(stream.is_over());
    EXPECT_EQ(take(stream), "|");
    EXPECT_TRUE(stream.is_over());
}

TEST(mock_stream, may_not_be_taken_before_it_is_started) {
    mock_stream stream = of({"one"});
    stream.start(start);
    EXPECT_FALSE(stream.may_take(start - 1ns));
    EXPECT_TRUE(stream.may_take(start));
}

TEST(mock_stream, gives_a_piece_an_interval_after_the_one_before) {
    mock_stream stream = of({"one", "two", "three"});
    stream.every(1s).start(start);
    EXPECT_EQ(take(stream), "one|");
    EXPECT_EQ(stream.due(), start + 1s);
    EXPECT_EQ(take(stream, start + 999ms), "");
    EXPECT_EQ(take(stream, start + 1500ms), "two|");
    EXPECT_EQ(stream.due(), start + 2s);  // it keeps step
    EXPECT_EQ(take(stream, start + 2s), "three|");
}

TEST(mock_stream, takes_the_defaults_for_what_was_not_set) {
    mock_stream stream = of({"one", "two"});
    stream.every(1s).set_defaults(5s, 100);
    EXPECT_EQ(stream.record_bytes(), 100u);
    stream.start(start);
    take(stream);
    EXPECT_EQ(stream.due(), start + 1s);
}

TEST(mock_stream, held_gives_a_piece_for_each_release) {
    mock_stream stream = of({"one", "two", "three"});
    stream.hold_each().start(start);
    EXPECT_EQ(take(stream), "");
    EXPECT_FALSE(stream.due());
    stream.release();
    EXPECT_EQ(stream.due(), start);
    EXPECT_EQ(take(stream), "one|");
    stream.release();
    stream.release();
    EXPECT_EQ(take(stream), "two|three|");
}

TEST(mock_stream, held_and_in_its_time_waits_for_both) {
    mock_stream stream = of({"one", "two"});
    stream.hold_each().every(1s).start(start);
    stream.release();
    stream.release();
    EXPECT_EQ(take(stream), "one|");
    EXPECT_EQ(stream.due(), start + 1s);
    EXPECT_EQ(take(stream, start + 1s), "two|");
}

TEST(mock_stream, cut_at_any_size_holds_the_same_bytes) {
    const std::string whole = "onetwothreefour";
    for (std::size_t size = 1; size <= whole.size() + 1; ++size) {
        mock_stream stream = of({"one", "two", "", "three", "four"});
        stream.cut(size).start(start);
        std::string all;
        std::vector<std::size_t> sizes;
        while (stream.may_take(start)) {
            const std::size_t before = all.size();
            stream.take(all);
            sizes.push_back(all.size() - before);
        }
        EXPECT_EQ(all, whole) << size;
        EXPECT_EQ(sizes.size(), (whole.size() + size - 1) / size) << size;
        for (std::size_t i = 0; i + 1 < sizes.size(); ++i) EXPECT_EQ(sizes[i], size);
    }
}

TEST(mock_stream, asks_its_source_for_nothing_ahead) {
    int made = 0;
    mock_stream stream(mock_pieces([&](std::string& out) {
        out += std::to_string(++made);
        return true;
    }));
    stream.start(start);
    std::string out;
    for (int i = 1; i <= 5; ++i) {
        stream.take(out);
        EXPECT_EQ(made, i);
    }
    EXPECT_EQ(out, "12345");
}

TEST(mock_stream, gives_back_the_memory_of_a_large_record) {
    mock_stream stream = of({});
    stream.unsent.assign(16384, 'x');
    stream.sent(16000);
    EXPECT_EQ(stream.unsent.size(), 384u);
    stream.sent(384);
    EXPECT_LT(stream.unsent.capacity(), 1024u);
}

}  // namespace

}  // namespace mock_stream_tests
