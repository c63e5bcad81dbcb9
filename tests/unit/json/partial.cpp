// Contracts of the parser of unfinished JSON: valid at any moment, growing, whatever the cuts.
#include <chorus/json/partial.hpp>
#include <chorus/json/reader.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace partial_tests {

namespace {

using namespace chorus;
using namespace std::string_view_literals;
using tree = nlohmann::json;

/// What is made of a text that comes in one piece.
std::string completed(std::string_view text) {
    json::partial machine;
    machine.feed(text);
    return machine.completed();
}

const std::vector<std::string_view> corpus = {
    R"({"name": "Ada", "born": 1815, "fields": ["maths", "verse"], "alive": false, "spouse": null})",
    R"([])",
    R"({})",
    R"([[], {}, [[{}]], {"a": {"b": [1, 2, {"c": "d"}]}}])",
    R"([0, -0, 12, -7.25, 1e5, 1E+5, 3.5e-10, 0.001, 10, 1234567890123456789012])",
    R"("only a text")",
    R"("")",
    R"(-12.5e3)",
    R"(true)",
    R"(null)",
    R"(["\"", "\\", "\/", "\b\f\n\r\t", "\u0041", "\u00e9 \u20ac", "\ud83d\ude00!", "\\u0041", "\\\\"])",
    "[\"\xc3\xa9t\xc3\xa9\", \"\xe2\x82\xac 5\", \"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\", \"a\xf4\x8f\xbf\xbf\"]",
    " \n\t{ \"a\" : [ true , false , null ] , \"b\" : \"c\" } \r\n",
    R"({"":"","a b":{"}":"]"},"\u006b":"\n"})",
    R"({"steps": [{"text": "Take {braces} and [brackets], \"quotes\"", "n": 1}, {"text": "", "n": -1.5}]})",
};

/// Tells whether `after` may be what became of `before`: nothing that was there is gone.
bool has_grown(const tree& before, const tree& after) {
    if (before.is_null() || (before.is_number() && after.is_number())) return true;
    if (before.type() != after.type()) return false;
    if (before.is_string()) return after.get<std::string>().starts_with(before.get<std::string>());
    if (before.is_array()) {
        if (before.size() > after.size()) return false;
        for (std::size_t i = 0; i != before.size(); ++i) {
            if (!has_grown(before[i], after[i])) return false;
        }
        return true;
    }
    if (before.is_object()) {
        for (const auto& [name, value] : before.items()) {
            if (!after.contains(name) || !has_grown(value, after[name])) return false;
        }
        return true;
    }
    return before == after;
}

TEST(json_partial, closes_what_is_open) {
    EXPECT_EQ(completed(R"({"a": [1, {"b": "c)"), R"({"a": [1, {"b": "c"}]})");
    EXPECT_EQ(completed(R"({"a": [)"), R"({"a": []})");
    EXPECT_EQ(completed(R"(")"), R"("")");
    EXPECT_EQ(completed(R"({"a": ")"), R"({"a": ""})");
}

TEST(json_partial, leaves_out_members_without_a_value) {
    for (const std::string_view text : {R"({"a": 1, "b": )"sv, R"({"a": 1, "b")"sv, R"({"a": 1, "b)"sv,
                                        R"({"a": 1, ")"sv, R"({"a": 1, )"sv, R"({"a": 1,)"sv}) {
        EXPECT_EQ(completed(text), R"({"a": 1})") << text;
    }
    EXPECT_EQ(completed(R"({"a)"), "{}");
    EXPECT_EQ(completed(R"([1, )"), "[1]");
}

TEST(json_partial, leaves_out_unfinished_literals) {
    EXPECT_EQ(completed("[tru"), "[]");
    EXPECT_EQ(completed("[true"), "[true]");
    EXPECT_EQ(completed("[1, fals"), "[1]");
    EXPECT_EQ(completed(R"({"a": nul)"), "{}");
}

TEST(json_partial, takes_a_number_as_far_as_it_is_one) {
    EXPECT_EQ(completed("[12"), "[12]");
    EXPECT_EQ(completed("[-"), "[]");
    EXPECT_EQ(completed("[-0"), "[-0]");
    EXPECT_EQ(completed("[12."), "[12]");
    EXPECT_EQ(completed("[12.5"), "[12.5]");
    EXPECT_EQ(completed("[1e"), "[1]");
    EXPECT_EQ(completed("[1e-"), "[1]");
    EXPECT_EQ(completed("[1e-3"), "[1e-3]");
    EXPECT_EQ(completed(R"({"a": -)"), "{}");
}

TEST(json_partial, leaves_out_unfinished_escapes_and_characters) {
    for (const std::string_view rest : {"\\"sv, "\\u"sv, "\\u00"sv, "\\u004"sv, "\\ud83d"sv, "\\ud83d\\"sv,
                                        "\\ud83d\\ude0"sv, "\xc3"sv, "\xe2\x82"sv, "\xf0\x9f\x98"sv}) {
        EXPECT_EQ(completed("[\"ab" + std::string(rest)), "[\"ab\"]") << rest;
    }
    EXPECT_EQ(completed("[\"\\ud83d\\ude00"), "[\"\\ud83d\\ude00\"]");
    EXPECT_EQ(completed("[\"\\\\"), "[\"\\\\\"]");
    EXPECT_EQ(completed("[\"\xc3\xa9"), "[\"\xc3\xa9\"]");
    EXPECT_EQ(completed("[\"\xf0\x9f\x98\x80"), "[\"\xf0\x9f\x98\x80\"]");
}

TEST(json_partial, replaces_what_is_no_text) {
    EXPECT_EQ(completed(R"(["\ud83dx"])"), R"(["\ufffdx"])");
    EXPECT_EQ(completed(R"(["\ud83d\n"])"), R"(["\ufffd\n"])");
    EXPECT_EQ(completed(R"(["\ude00\ude00"])"), R"(["\ufffd\ufffd"])");
    EXPECT_EQ(completed(R"(["\ud83d\ud83d\ude00"])"), R"(["\ufffd\ud83d\ude00"])");
    EXPECT_EQ(completed(R"(["\ud83d\u0041"])"), R"(["\ufffd\u0041"])");
    EXPECT_EQ(completed(R"(["\ud83d"])"), R"(["\ufffd"])");
    EXPECT_EQ(completed("[\"a\xff z\xc3\"]"), "[\"a\xef\xbf\xbd z\xef\xbf\xbd\"]");
    EXPECT_EQ(completed("[\"\xc3\\n\"]"), "[\"\xef\xbf\xbd\\n\"]");
    EXPECT_EQ(completed("{\"\xc3\": \"\xe2\x28\"}"), "{\"\xef\xbf\xbd\": \"\xef\xbf\xbd(\"}");
}

TEST(json_partial, is_null_before_a_value_begins) {
    for (const std::string_view text : {""sv, " \n"sv, " t"sv, "-"sv, "nul"sv}) EXPECT_EQ(completed(text), "null");
}

TEST(json_partial, gives_a_whole_text_as_it_is) {
    for (const std::string_view text : corpus) {
        json::partial machine;
        machine.feed(text);
        EXPECT_EQ(machine.completed(), text);
        EXPECT_TRUE(machine.is_complete()) << text;
        EXPECT_FALSE(machine.failed()) << machine.failure().message();
    }
}

TEST(json_partial, is_complete_only_when_the_value_is_whole) {
    const std::string_view text = R"({"a": ["b", 1]})";
    json::partial machine;
    for (const char& c : text) {
        EXPECT_FALSE(machine.is_complete());
        machine.feed({&c, 1});
    }
    EXPECT_TRUE(machine.is_complete());
    machine.feed(" \n");
    EXPECT_TRUE(machine.is_complete());
    machine.feed("x");
    EXPECT_FALSE(machine.is_complete());
}

TEST(json_partial, gives_valid_json_of_every_prefix) {
    for (const std::string_view text : corpus) {
        for (std::size_t length = 0; length <= text.size(); ++length) {
            const std::string whole = completed(text.substr(0, length));
            EXPECT_TRUE(tree::accept(whole)) << text.substr(0, length) << " gave " << whole;
        }
    }
}

TEST(json_partial, only_grows) {
    for (const std::string_view text : corpus) {
        json::partial machine;
        tree before;
        for (const char& c : text) {
            machine.feed({&c, 1});
            const tree after = tree::parse(machine.completed());
            EXPECT_TRUE(has_grown(before, after)) << before << " became " << after;
            before = after;
        }
        EXPECT_EQ(before, tree::parse(text));
    }
}

TEST(json_partial, gives_each_prefix_the_same_whatever_the_cuts) {
    for (const std::string_view text : corpus) {
        json::partial by_byte;
        for (std::size_t length = 1; length <= text.size(); ++length) {
            by_byte.feed(text.substr(length - 1, 1));
            const std::string at_once = completed(text.substr(0, length));
            EXPECT_EQ(by_byte.completed(), at_once);
            for (std::size_t cut = 0; cut <= length; ++cut) {
                json::partial in_two;
                in_two.feed(text.substr(0, cut));
                in_two.feed(text.substr(cut, length - cut));
                EXPECT_EQ(in_two.completed(), at_once) << "cut at " << cut;
            }
        }
    }
}

struct broken {
    std::string_view text;
    std::size_t offset;
    std::string_view completed;
};

TEST(json_partial, says_what_is_broken_and_keeps_what_came_before) {
    const std::vector<broken> cases = {
        {R"({"a": 1, b)", 9, R"({"a": 1})"},
        {R"({"a" 1)", 5, "{}"},
        {R"({"a": 1 "b")", 8, R"({"a": 1 })"},
        {R"([1, ])", 4, "[1]"},
        {R"({"a": 1,})", 8, R"({"a": 1})"},
        {R"([1})", 2, "[1]"},
        {R"({"a": [1)"
         "}",
         8, R"({"a": [1]})"},
        {"[01]", 2, "[0]"},
        {"[1.x", 3, "[1]"},
        {"[-]", 2, "[]"},
        {"[+1]", 1, "[]"},
        {"[trux", 4, "[]"},
        {"[\"a\nb\"]", 3, "[\"a\"]"},
        {R"(["a\x)", 4, R"(["a"])"},
        {R"(["a\u00g)", 7, R"(["a"])"},
        {R"(["\ud83d\u00g)", 12, R"([""])"},
        {"{} x", 3, "{} "},
        {"Sure! {}", 0, "null"},
        {"```json\n{}", 0, "null"},
    };
    for (const broken& one : cases) {
        for (std::size_t size : {std::size_t{1}, one.text.size()}) {
            json::partial machine;
            for (std::size_t at = 0; at < one.text.size(); at += size) machine.feed(one.text.substr(at, size));
            ASSERT_TRUE(machine.failed()) << one.text;
            EXPECT_EQ(machine.failure(), errc::decode_failed);
            EXPECT_NE(machine.failure().text().find(" byte " + std::to_string(one.offset) + ":"), std::string::npos)
                << one.text << ": " << machine.failure().text();
            EXPECT_EQ(machine.completed(), one.completed);
            EXPECT_FALSE(machine.is_complete());
            machine.feed("{}");
            EXPECT_EQ(machine.completed(), one.completed);
        }
    }
}

TEST(json_partial, limits_nesting_as_the_reader_does) {
    constexpr std::size_t most = json::reader::max_depth;
    json::partial machine;
    machine.feed(std::string(most, '['));
    EXPECT_FALSE(machine.failed());
    EXPECT_EQ(machine.completed(), std::string(most, '[') + std::string(most, ']'));
    machine.feed("[");
    EXPECT_TRUE(machine.failed());
}

TEST(json_partial, passes_over_a_byte_order_mark_as_the_reader_does) {
    json::partial whole;
    for (const char c : "\xef\xbb\xbf {\"a\":1}"sv) whole.feed({&c, 1});
    EXPECT_TRUE(whole.is_complete()) << whole.failure().message();
    EXPECT_EQ(tree::parse(whole.completed()), tree::parse(R"({"a":1})"));
    for (const std::string_view text : {"\xef{}"sv, "\xef\xbb{}"sv, "\xbb\xbf{}"sv, " \xef\xbb\xbf{}"sv,
                                        "\xef\xbb\xbf\xef\xbb\xbf{}"sv, "\xef {}"sv}) {
        json::partial machine;
        machine.feed(text);
        EXPECT_TRUE(machine.failed()) << text;
    }
}

TEST(json_partial, passes_over_a_code_fence_if_asked_to) {
    for (const std::string_view text :
         {"```json\n{\"a\": [1, 2]}\n```"sv, "\n```\n{\"a\": [1, 2]}```\n"sv, "```json {\"a\": [1, 2]}\n```"sv,
          "{\"a\": [1, 2]}"sv, "``` JSON\r\n{\"a\": [1, 2]}"sv}) {
        json::partial machine(json::code_fence::tolerated);
        for (const char& c : text) {
            machine.feed({&c, 1});
            EXPECT_TRUE(tree::accept(machine.completed())) << machine.completed();
        }
        EXPECT_TRUE(machine.is_complete()) << text << ": " << machine.failure().message();
        EXPECT_EQ(tree::parse(machine.completed()), tree::parse(R"({"a": [1, 2]})"));
    }
    for (const std::string_view text : {"``{}"sv, "```json\n{}\n````"sv, "{}```"sv, "```json\n{}``` x"sv}) {
        json::partial machine(json::code_fence::tolerated);
        machine.feed(text);
        EXPECT_TRUE(machine.failed()) << text;
    }
}

bool is_readable(std::string_view text) {
    json::reader reader(text);
    reader.skip();
    return reader.finish().has_value();
}

// Broken in every way that chance finds: always valid, independent of the cuts, and of one mind with the reader.
TEST(json_partial, agrees_with_the_reader_on_damaged_texts) {
    std::mt19937 chance(20261114);
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit - 1)(chance);
    };
    constexpr std::string_view spice = "{}[]\",:\\ue0123456789.-+dDtfn \n\xc3\xa9\xf0\x9f\xed\xa0\xff`";
    for (int round = 0; round != 20'000; ++round) {
        std::string text(corpus[below(corpus.size())]);
        for (std::size_t damage = below(4); damage-- > 0;) {
            const std::size_t at = below(text.size() + 1);
            if (below(2) == 0 && at != text.size()) {
                text.erase(at, 1 + below(3));
            } else {
                text.insert(at, 1, spice[below(spice.size())]);
            }
        }
        json::partial whole;
        whole.feed(text);
        json::partial pieces;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = 1 + below(5);
            pieces.feed(std::string_view(text).substr(at, size));
            at += size;
        }
        ASSERT_EQ(whole.completed(), pieces.completed()) << text;
        ASSERT_EQ(whole.failed(), pieces.failed()) << text;
        ASSERT_EQ(whole.failure().text(), pieces.failure().text()) << text;
        ASSERT_TRUE(is_readable(whole.completed())) << text << " gave " << whole.completed();
        ASSERT_EQ(is_readable(text), whole.is_complete()) << text;
    }
}

}  // namespace

}  // namespace partial_tests
