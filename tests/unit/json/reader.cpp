// Contracts of the JSON pull parser; nlohmann's parser is the reference.
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace reader_tests {

namespace {

using namespace chorus;

/// Builds the reference's tree through the reader.
nlohmann::json tree(json::reader& in) {
    switch (in.peek()) {
        case json::kind::object: {
            auto value = nlohmann::json::object();
            in.object([&](std::string_view key) {
                std::string name(key);
                value[name] = tree(in);
            });
            return value;
        }
        case json::kind::array: {
            auto value = nlohmann::json::array();
            in.array([&] { value.push_back(tree(in)); });
            return value;
        }
        case json::kind::string: {
            std::string value;
            in.read(value);
            return value;
        }
        case json::kind::boolean: {
            bool value = false;
            in.read(value);
            return value;
        }
        case json::kind::number: {
            const std::string text(in.raw());
            return nlohmann::json::parse(text, nullptr, false);
        }
        case json::kind::null:
        case json::kind::none:
            in.skip();
    }
    return nullptr;
}

bool accepts_by_skipping(std::string_view text) {
    json::reader in(text);
    in.skip();
    return in.finish().has_value();
}

bool accepts_by_reading(std::string_view text) {
    json::reader in(text);
    tree(in);
    return in.finish().has_value();
}

std::string problem(std::string_view text) {
    json::reader in(text);
    in.skip();
    const auto read = in.finish();
    return read ? "" : std::string(read.error().text());
}

class random_documents {
 public:
    std::string next() {
        text_.clear();
        value(0);
        return text_;
    }
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

 private:
    void space() {
        for (unsigned i = below(3); i > 0; --i) text_ += " \n\r\t"[below(4)];
    }
    void string() {
        static const std::vector<std::string> pieces = {"a",
                                                        "plain text of some length",
                                                        "\\n",
                                                        "\\\"",
                                                        "\\\\",
                                                        "\\/",
                                                        "\\u0041",
                                                        "\\u00e9",
                                                        "\\ud83d\\ude00",
                                                        "\u00e9",
                                                        "\u65e5\u672c",
                                                        "\U0001f600",
                                                        "",
                                                        "\\b\\f\\r\\t",
                                                        "\\uFFFD",
                                                        "01234567",
                                                        "'{[]}:,"};
        text_ += '"';
        for (unsigned i = below(6); i > 0; --i) text_ += pieces[below(static_cast<unsigned>(pieces.size()))];
        text_ += '"';
    }
    void value(int depth) {
        static const std::vector<std::string> plain = {"null", "true", "false", "0",     "-0",    "12",
                                                       "-7",   "1.5",  "1e3",   "-2E-2", "0.125", "99"};
        space();
        const unsigned kind = below(depth > 5 ? 2 : 4);
        if (kind == 0) {
            string();
        } else if (kind == 1) {
            text_ += plain[below(static_cast<unsigned>(plain.size()))];
        } else {
            text_ += kind == 2 ? '[' : '{';
            for (unsigned i = 0, count = below(5); i < count; ++i) {
                if (i > 0) text_ += ',';
                if (kind == 3) {
                    space();
                    string();
                    space();
                    text_ += ':';
                }
                value(depth + 1);
            }
            space();
            text_ += kind == 2 ? ']' : '}';
        }
        space();
    }

    std::string text_;
    std::mt19937 random_{7};
};

TEST(reader, agrees_with_the_reference_on_random_documents) {
    random_documents documents;
    for (int i = 0; i < 5000; ++i) {
        const std::string text = documents.next();
        json::reader in(text);
        const nlohmann::json ours = tree(in);
        ASSERT_TRUE(in.finish()) << text;
        ASSERT_EQ(ours, nlohmann::json::parse(text)) << text;
        ASSERT_TRUE(accepts_by_skipping(text)) << text;
    }
}

TEST(reader, agrees_with_the_reference_on_broken_documents) {
    random_documents documents;
    constexpr std::string_view noise = "\"\\{}[]:,0-.eEtn u\x01";
    int broken = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string text = documents.next();
        const unsigned at = documents.below(static_cast<unsigned>(text.size()));
        switch (documents.below(3)) {
            case 0:
                text[at] = noise[documents.below(static_cast<unsigned>(noise.size()))];
                break;
            case 1:
                text.erase(at, 1);
                break;
            default:
                text.insert(at, 1, noise[documents.below(static_cast<unsigned>(noise.size()))]);
        }
        // Repaired: what is only bad text is no error here, and one there.
        const bool expected = nlohmann::json::accept(json::repaired(text));
        broken += !expected;
        ASSERT_EQ(accepts_by_skipping(text), expected) << text;
        ASSERT_EQ(accepts_by_reading(text), expected) << text;
    }
    EXPECT_GT(broken, 5000);
}

TEST(reader, refuses_every_prefix_of_a_document) {
    const std::string text = R"({"a":[1,-2.5e3,"x\u00e9\n",true,false,null],"b":{"c":""}})";
    ASSERT_TRUE(accepts_by_reading(text));
    for (std::size_t size = 0; size < text.size(); ++size) {
        // A copy of exactly this size: reading past its end is seen by the sanitizer.
        const std::vector<char> prefix(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(accepts_by_reading({prefix.data(), size})) << size;
        EXPECT_FALSE(accepts_by_skipping({prefix.data(), size})) << size;
    }
}

TEST(reader, skips_what_a_callback_does_not_read) {
    json::reader in(R"({"skipped":{"deep":[1,{"x":"]"}]},"id":"a","also":[[],{}],"n":3})");
    std::string id;
    int n = 0;
    EXPECT_TRUE(in.object([&](std::string_view key) {
        if (key == "id") in.read(id);
        if (key == "n") in.read(n);
    }));
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(id, "a");
    EXPECT_EQ(n, 3);
}

TEST(reader, tolerates_other_types_than_expected) {
    json::reader in(R"([null, {"a":1}, [1], "12", 3.9, true, "x", 1e300, 42])");
    std::vector<std::string> seen;
    EXPECT_TRUE(in.array([&] {
        std::int64_t number = -1;
        const bool read = in.read(number);
        seen.push_back(read ? std::to_string(number) : "no");
    }));
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(seen, (std::vector<std::string>{"no", "no", "no", "12", "3", "no", "no", "no", "42"}));
}

TEST(reader, keeps_the_target_where_nothing_could_be_read) {
    json::reader in(R"([null, {}, null, "x", null, "nan", 3000000000])");
    std::string text = "kept";
    std::optional<std::int64_t> count = 5;
    bool flag = true;
    double number = 0.5;
    int small = 7;
    int step = 0;
    EXPECT_TRUE(in.array([&] {
        switch (step++) {
            case 0:
            case 1:
                EXPECT_FALSE(in.read(text));
                break;
            case 2:
                EXPECT_FALSE(in.read(count));
                break;
            case 3:
                EXPECT_FALSE(in.read(flag));
                break;
            case 4:
            case 5:
                EXPECT_FALSE(in.read(number));
                break;
            default:
                EXPECT_FALSE(in.read(small));
        }
    }));
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(text, "kept");
    EXPECT_EQ(count, 5);
    EXPECT_TRUE(flag);
    EXPECT_EQ(number, 0.5);
    EXPECT_EQ(small, 7);
}

TEST(reader, reads_numbers_and_booleans_as_text) {
    json::reader in("[404, -1.50, true]");
    std::vector<std::string> texts;
    in.array([&] { in.read(texts.emplace_back()); });
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(texts, (std::vector<std::string>{"404", "-1.50", "true"}));
}

TEST(reader, reads_numbers_too_small_for_a_double_as_nothing_and_refuses_those_too_large) {
    const std::string zeros(400, '0');
    const std::vector<std::string> small = {"1e-400", "-12.5E-999999999999999999999", "0." + zeros + "1",
                                            "1" + zeros + "e-800", "0.1e-330"};
    for (const std::string& text : small) {
        json::reader in(text);
        double number = 7;
        EXPECT_TRUE(in.read(number)) << text;
        EXPECT_EQ(number, 0) << text;
        EXPECT_EQ(std::signbit(number), text.front() == '-') << text;
    }
    const std::vector<std::string> large = {"1e400", "1E+99999999999999999999", "1" + zeros, "1" + zeros + "e-5",
                                            "0." + zeros + "1e800"};
    for (const std::string& text : large) {
        json::reader in(text);
        double number = 7;
        EXPECT_FALSE(in.read(number)) << text;
        EXPECT_EQ(number, 7) << text;
    }
}

TEST(reader, reads_integers_beyond_the_precision_of_a_double_exactly) {
    for (const std::string_view text : {"9007199254740993", "9223372036854775807", "-9223372036854775808"}) {
        json::reader in(text);
        std::int64_t number = 0;
        EXPECT_TRUE(in.read(number));
        EXPECT_EQ(std::to_string(number), text);
    }
    for (const std::string_view text : {"9223372036854775808", "1e19", "1e999"}) {
        json::reader in(text);
        std::int64_t number = 5;
        EXPECT_FALSE(in.read(number)) << text;
        EXPECT_TRUE(in.finish()) << text;
        EXPECT_EQ(number, 5);
    }
}

TEST(reader, gives_plain_strings_without_copying) {
    const std::string text = R"(["plain", "esc\naped"])";
    json::reader in(text);
    int step = 0;
    in.array([&] {
        std::string_view view;
        ASSERT_TRUE(in.read_view(view));
        const bool inside = view.data() >= text.data() && view.data() < text.data() + text.size();
        EXPECT_EQ(inside, step == 0);
        EXPECT_EQ(view, step == 0 ? "plain" : "esc\naped");
        ++step;
    });
    EXPECT_EQ(step, 2);
}

TEST(reader, replaces_lone_surrogates_and_invalid_utf8) {
    const auto text_of = [](std::string_view json) {
        json::reader in(json);
        std::string text;
        EXPECT_TRUE(in.read(text));
        EXPECT_TRUE(in.finish());
        return text;
    };
    EXPECT_EQ(text_of(R"("\ud83d\ude00")"), "\U0001f600");
    EXPECT_EQ(text_of(R"("\uDBFF\uDFFF")"), "\U0010ffff");
    EXPECT_EQ(text_of(R"("a\ud83d")"), "a\ufffd");
    EXPECT_EQ(text_of(R"("\ud83dx")"), "\ufffdx");
    EXPECT_EQ(text_of(R"("\ude00\ud83d\ude00")"), "\ufffd\U0001f600");
    EXPECT_EQ(text_of(R"("\ud83d\u0041")"), "\ufffdA");
    EXPECT_EQ(text_of("\"a\xff\xc3z\""), "a\ufffd\ufffdz");
    EXPECT_EQ(text_of("\"\xc3\\n\xa9\""), "\ufffd\n\ufffd");
    EXPECT_EQ(text_of(R"("\u0000x")"), std::string("\0x", 2));
}

TEST(reader, limits_nesting_without_recursing_further) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    EXPECT_TRUE(accepts_by_skipping(nested(json::reader::max_depth)));
    EXPECT_FALSE(accepts_by_skipping(nested(json::reader::max_depth + 1)));
    EXPECT_FALSE(accepts_by_skipping(std::string(1'000'000, '[')));
    std::string objects;
    for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
    EXPECT_FALSE(accepts_by_skipping(objects));
    // What is closed does not count.
    std::string wide = "[[]";
    for (int i = 0; i < 1000; ++i) wide += ",[{}]";
    EXPECT_TRUE(accepts_by_skipping(wide + "]"));
}

TEST(reader, tells_what_is_wrong_and_where) {
    EXPECT_EQ(problem("{\"a\" 1}"), "invalid JSON at byte 5: expected ':'");
    EXPECT_EQ(problem("[1,]"), "invalid JSON at byte 3: expected a value");
    EXPECT_EQ(problem("[1 2]"), "invalid JSON at byte 3: expected ',' or a closing bracket");
    EXPECT_EQ(problem("{1:2}"), "invalid JSON at byte 1: expected a member name");
    EXPECT_EQ(problem("{} x"), "invalid JSON at byte 3: unexpected text after the value");
    EXPECT_EQ(problem(""), "invalid JSON at byte 0: the text ends where a value is expected");
    EXPECT_EQ(problem("<html>"), "invalid JSON at byte 0: expected a value");
    EXPECT_EQ(problem("\"a\nb\""), "invalid JSON at byte 2: unescaped control character in a string");
    EXPECT_EQ(problem(R"("\x")"), "invalid JSON at byte 1: invalid escape in a string");
    EXPECT_EQ(problem("01"), "invalid JSON at byte 1: unexpected text after the value");
    EXPECT_EQ(problem("-"), "invalid JSON at byte 0: invalid number");
}

TEST(reader, reports_its_error_as_a_decoding_failure) {
    json::reader in("{");
    in.skip();
    EXPECT_TRUE(in.failed());
    const auto read = in.finish();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), errc::decode_failed);
    EXPECT_EQ(read.error().phase(), phase::decode);
}

TEST(reader, stops_for_good_at_the_first_error) {
    json::reader in("[1,}]");
    int elements = 0;
    EXPECT_FALSE(in.array([&] {
        ++elements;
        std::int64_t value = 0;
        in.read(value);
    }));
    EXPECT_EQ(elements, 2);
    std::string text = "kept";
    EXPECT_FALSE(in.read(text));
    EXPECT_EQ(in.peek(), json::kind::none);
    EXPECT_EQ(in.raw(), "");
    EXPECT_EQ(text, "kept");
}

TEST(reader, takes_white_space_and_a_byte_order_mark_before_the_value) {
    EXPECT_TRUE(accepts_by_skipping("\r\n\n \t{}\n"));
    EXPECT_TRUE(accepts_by_skipping("\xef\xbb\xbf{}"));
}

TEST(reader, gives_the_text_of_any_value) {
    json::reader in(R"({"a": [1, {"b":"]"}] , "c":2})");
    std::string_view raw;
    in.object([&](std::string_view key) {
        if (key == "a") raw = in.raw();
    });
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(raw, R"([1, {"b":"]"}])");
}

TEST(reader, reads_members_whose_names_are_escaped) {
    json::reader in(R"({"\u0069d":"x"})");
    std::string id;
    in.object([&](std::string_view key) {
        if (key == "id") in.read(id);
    });
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(id, "x");
}

}  // namespace

}  // namespace reader_tests
