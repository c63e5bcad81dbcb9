#include <chorus/testing/mock_text.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace mock_text_tests {

namespace {

using namespace chorus::testing;

struct portions {
    std::vector<std::string> texts;
    std::vector<std::size_t> sizes;  // of the events

    std::string joined() const {
        std::string all;
        for (const std::string& each : texts) all += each;
        return all;
    }
};

portions divide(const std::string& text, mock_portions sizes) {
    mock_text source(text, sizes);
    portions all;
    std::size_t bytes = 0;
    while (!source.is_over()) {
        std::string event;
        source.append_event(event, "data: {\"t\":", "}");
        EXPECT_TRUE(event.starts_with("data: {") && event.ends_with("\n\n"));
        EXPECT_EQ(event.find('\n'), event.size() - 2);
        all.texts.push_back(nlohmann::json::parse(event.substr(6))["t"]);
        all.sizes.push_back(event.size());
        bytes += all.texts.back().size();
        EXPECT_EQ(source.handed_out(), bytes);
    }
    return all;
}

TEST(mock_text, hands_out_a_word_at_a_time) {
    EXPECT_EQ(divide("echo: how are you", {}).texts, (std::vector<std::string>{"echo:", " how", " are", " you"}));
    EXPECT_EQ(divide("  a ", {}).texts, (std::vector<std::string>{" ", " a", " "}));
    EXPECT_TRUE(divide("", {}).texts.empty());
}

TEST(mock_text, repeats_itself_until_the_portions_are_full) {
    EXPECT_EQ(divide("a b", {.count = 5}).texts, (std::vector<std::string>{"a", " b", " a", " b", " a"}));
    EXPECT_EQ(divide("", {.count = 2}).texts, (std::vector<std::string>{" ", " "}));
}

TEST(mock_text, fills_events_to_the_byte_and_loses_no_character) {
    const std::string text = "quotes \" \\ \n\t \x01 / \xc3\xa4 \xf0\x9f\x8e\xb6 end";
    for (std::size_t bytes = 24; bytes < 100; ++bytes) {
        const portions once = divide(text, {.count = 0, .event_bytes = bytes});
        EXPECT_EQ(once.joined(), text);
        for (const std::size_t size : once.sizes) EXPECT_EQ(size, bytes);

        const portions many = divide(text, {.count = 50, .event_bytes = bytes});
        EXPECT_EQ(many.texts.size(), 50u);
        for (const std::size_t size : many.sizes) EXPECT_EQ(size, bytes);
        std::string rounds = text;
        while (rounds.size() < many.joined().size()) rounds += ' ' + text;
        EXPECT_TRUE(rounds.starts_with(many.joined()));
    }
}

TEST(mock_text, hands_out_a_character_where_none_fits) {
    EXPECT_EQ(divide("\xc3\xa4!", {.count = 0, .event_bytes = 1}).texts, (std::vector<std::string>{"\xc3\xa4", "!"}));
}

}  // namespace

}  // namespace mock_text_tests
