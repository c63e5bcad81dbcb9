// Contracts of parting thinking from the answer in one text.
#include <chorus/provider/detail/think_splitter.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace think_splitter_tests {

namespace {

using chorus::openai_format::detail::think_splitter;

/// Thinking, and text.
using outcome = std::pair<std::string, std::string>;

class reading {
 public:
    reading& take(std::string_view bytes) {
        // In memory of its own, so that reading beyond a piece is seen.
        const std::vector<char> piece(bytes.begin(), bytes.end());
        return keep(splitter_.take({piece.data(), piece.size()}));
    }
    outcome finish() {
        keep(splitter_.finish());
        keep(splitter_.finish());
        return so_far_;
    }
    const outcome& so_far() const { return so_far_; }

 private:
    reading& keep(const think_splitter::parts& found) {
        EXPECT_TRUE(found.thinking.empty() || so_far_.second.empty()) << "thinking after text";
        so_far_.first += found.thinking;
        so_far_.second += found.text;
        return *this;
    }

    think_splitter splitter_;
    outcome so_far_;
};

outcome split(std::string_view text) {
    return reading().take(text).finish();
}

TEST(think_splitter, parts_thinking_from_the_answer) {
    EXPECT_EQ(split("<think>Six by seven.</think>42"), outcome("Six by seven.", "42"));
    EXPECT_EQ(split("<think></think>42"), outcome("", "42"));
    EXPECT_EQ(split("<think>Hm.</think>"), outcome("Hm.", ""));
}

TEST(think_splitter, takes_the_blanks_of_the_tags_with_them) {
    EXPECT_EQ(split("\n <think>\r\nSix by seven.\n\t</think>\n\n42\n"), outcome("Six by seven.\n\t", "42\n"));
    EXPECT_EQ(split("<think>\n\n</think>\n\n42"), outcome("", "42"));
}

TEST(think_splitter, leaves_a_text_without_tags_as_it_is) {
    for (const char* text : {"", "42", "\n 42", " \n", "<", "\n<think", "<thinking>42</thinking>", "<<think>42</think>",
                             "<b>42</b>", "42 <think>no</think>", "42</think>", "</think>42", "<THINK>42"}) {
        EXPECT_EQ(split(text), outcome("", text));
    }
}

TEST(think_splitter, takes_all_for_thinking_where_it_never_ends) {
    for (const char* thought : {"Hm.", "Hm.\n", "Hm. <", "Hm. </", "Hm. </think", "Hm. </th</think", "<think>"}) {
        EXPECT_EQ(split("<think>" + std::string(thought)), outcome(thought, ""));
    }
    EXPECT_EQ(split("<think>"), outcome("", ""));
}

TEST(think_splitter, finds_the_end_behind_what_looks_like_it) {
    EXPECT_EQ(split("<think>a < b </ c </thin </</think>42"), outcome("a < b </ c </thin </", "42"));
    EXPECT_EQ(split("<think><think>a</think>42</think>"), outcome("<think>a", "42</think>"));
}

TEST(think_splitter, splits_only_the_beginning) {
    EXPECT_EQ(split("<think>a</think>42 <think>b</think>"), outcome("a", "42 <think>b</think>"));
    EXPECT_EQ(split("<think>a</think><think>b</think>"), outcome("a", "<think>b</think>"));
}

TEST(think_splitter, gives_what_cannot_be_a_tag_at_once) {
    reading in;
    EXPECT_EQ(in.take("\n<thi").so_far(), outcome("", ""));
    EXPECT_EQ(in.take("s>").so_far(), outcome("", "\n<this>"));
    EXPECT_EQ(in.take("<").so_far(), outcome("", "\n<this><"));

    reading thought;
    EXPECT_EQ(thought.take("<think>a</").so_far(), outcome("a", ""));
    EXPECT_EQ(thought.take("b").so_far(), outcome("a</b", ""));
}

TEST(think_splitter, the_cuts_make_no_difference) {
    constexpr std::array<std::string_view, 9> texts = {
        "<think>Six by seven.</think>42",
        "\r\n <think> \nSix\n\n by </ seven</think \n</think>\n \n 42 <think>no</think>",
        "<think></think></think>",
        "<think>never ends </thin",
        " \n<thin",
        " <thinker>42",
        "42 < 43",
        "<<think>a</think>",
        "<think>caf\xc3\xa9</think>\xe2\x82\xac 42",
    };
    for (const std::string_view text : texts) {
        const outcome expected = split(text);
        for (std::size_t first = 0; first <= text.size(); ++first) {
            for (std::size_t second = first; second <= text.size(); ++second) {
                reading in;
                in.take(text.substr(0, first)).take(text.substr(first, second - first)).take(text.substr(second));
                ASSERT_EQ(in.finish(), expected) << text << " cut at " << first << " and " << second;
            }
        }
        reading by_byte;
        for (const char& byte : text) by_byte.take({&byte, 1});
        EXPECT_EQ(by_byte.finish(), expected) << text;
    }
}

}  // namespace

}  // namespace think_splitter_tests
