// Contracts of UTF-8 checking and repair.
#include <chorus/json/text.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace text_tests {

namespace {

using namespace chorus;

TEST(utf8, accepts_every_boundary_of_the_code_space) {
    for (const std::string_view text : {"", "a", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff",
                                        "\U00010000", "\U0010ffff", "caf\u00e9 \u65e5\u672c \U0001f600"}) {
        EXPECT_TRUE(json::is_valid_utf8(text)) << text;
    }
    EXPECT_TRUE(json::is_valid_utf8(std::string_view("a\0b", 3)));
}

TEST(utf8, refuses_what_rfc_3629_forbids) {
    const std::vector<std::string> bad = {"\x80",
                                          "\xbf",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xe0\x80\x80",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xf0\x80\x80\x80",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "\xc3",
                                          "\xe2\x82",
                                          "\xf0\x9f\x98",
                                          "\xc3(",
                                          "\xe2\x28\xa1"};
    for (const std::string& text : bad) EXPECT_FALSE(json::is_valid_utf8(text)) << testing::PrintToString(text);
}

TEST(utf8, agrees_with_code_point_encoding_everywhere) {
    for (std::uint32_t point = 0; point <= 0x10ffff; point += (point < 0x1000 ? 1 : 251)) {
        std::string text;
        json::append_code_point(text, point);
        ASSERT_TRUE(json::is_valid_utf8(text)) << point;
        ASSERT_EQ(text == "\ufffd", (point >= 0xd800 && point <= 0xdfff) || point == 0xfffd) << point;
        text.pop_back();
        ASSERT_TRUE(text.empty() || !json::is_valid_utf8(text)) << point;
    }
}

TEST(utf8, finds_the_offset_of_a_bad_byte_at_every_place_of_a_word) {
    for (std::size_t at = 0; at < 40; ++at) {
        std::string text(40, 'x');
        text[at] = '\xff';
        EXPECT_EQ(json::find_invalid_utf8(text), at);
    }
    EXPECT_EQ(json::find_invalid_utf8("\u20acabc\u20ac\xe2\x82"), 9u);
}

TEST(utf8, repairs_each_maximal_part_with_one_replacement) {
    const auto repaired = [](std::string_view text) {
        std::string out;
        json::append_repaired(out, text);
        return out;
    };
    EXPECT_EQ(repaired("ok \u20ac"), "ok \u20ac");
    EXPECT_EQ(repaired("a\xff\xfe z"), "a\ufffd\ufffd z");
    EXPECT_EQ(repaired("\xf0\x9f\x98"), "\ufffd");
    EXPECT_EQ(repaired("\xf0\x9f\x98x"), "\ufffdx");
    EXPECT_EQ(repaired("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
}

TEST(repaired, makes_lone_surrogate_escapes_readable_and_leaves_pairs) {
    EXPECT_EQ(json::repaired(R"("\ud83d\ude00")"), R"("\ud83d\ude00")");
    EXPECT_EQ(json::repaired(R"("\ud83d")"), R"("\ufffd")");
    EXPECT_EQ(json::repaired(R"("\ude00\ud83d")"), R"("\ufffd\ufffd")");
    EXPECT_EQ(json::repaired(R"("\ud83d\ud83d\ude00")"), R"("\ufffd\ud83d\ude00")");
    EXPECT_EQ(json::repaired(R"("\\ud83d \u00e9 \n")"), R"("\\ud83d \u00e9 \n")");
    EXPECT_EQ(json::repaired("\"\\"), "\"\\");
    EXPECT_EQ(nlohmann::json::parse(json::repaired("{\"a\":\"\\ud83d\xff\"}")).at("a"), "\ufffd\ufffd");
}

TEST(find_special, stops_at_the_first_special_byte_of_any_alignment) {
    for (std::size_t size = 0; size < 50; ++size) {
        for (std::size_t at = 0; at <= size; ++at) {
            for (const char special : {'"', '\\', '\n', '\0', '\x1f'}) {
                // Neighbours that a borrow could mark by mistake.
                std::string text(size, '\x21');
                if (at < size) text[at] = special;
                if (at + 1 < size) text[at + 1] = '#';
                bool is_ascii = true;
                const char* const found = json::detail::find_special(text.data(), text.data() + size, is_ascii);
                ASSERT_EQ(static_cast<std::size_t>(found - text.data()), at) << size;
                ASSERT_TRUE(is_ascii);
            }
        }
    }
}

TEST(find_special, tells_ascii_from_other_text_before_the_special_byte_only) {
    const auto is_ascii = [](std::string_view text) {
        bool all = true;
        json::detail::find_special(text.data(), text.data() + text.size(), all);
        return all;
    };
    EXPECT_TRUE(is_ascii("abc\"\xc3\xa9 more text"));
    EXPECT_TRUE(is_ascii("\"\xc3\xa9 more text"));
    EXPECT_FALSE(is_ascii("ab\xc3\xa9\" more text"));
    EXPECT_FALSE(is_ascii("0123456789\xc3\xa9"));
    EXPECT_FALSE(is_ascii("0123456789abcdef\xc3\xa9"));
    EXPECT_FALSE(is_ascii("0123456789\xc3\xa9 and more behind it\""));
    for (std::size_t at = 0; at < 40; ++at) {
        std::string text(41, 'a');
        text[40] = '"';
        text[at] = '\xc3';
        EXPECT_FALSE(is_ascii(text)) << at;
        text[at] = '"';
        text[40] = '\xc3';
        EXPECT_TRUE(is_ascii(text)) << at;
    }
}

}  // namespace

}  // namespace text_tests
