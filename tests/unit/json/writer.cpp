// Contracts of the JSON writer.
#include <chorus/json/writer.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace writer_tests {

namespace {

using namespace chorus;

template <class Write>
std::string written(Write write) {
    std::string out;
    json::writer writer(out);
    write(writer);
    return out;
}

TEST(writer, places_commas_and_colons) {
    EXPECT_EQ(written([](json::writer& out) {
                  out.begin_object().member("a", 1).key("b").begin_array().value("x").null().value(true);
                  out.begin_object().end_object().begin_array().end_array().end_array();
                  out.member("c", false).key("d").raw("[1]").member("e", "{").member("f", "[").member("g", ":");
                  out.end_object();
              }),
              R"({"a":1,"b":["x",null,true,{},[]],"c":false,"d":[1],"e":"{","f":"[","g":":"})");
}

TEST(writer, starts_a_document_of_its_own_after_text_in_the_buffer) {
    std::string out = "data: 1";
    json::writer(out).begin_array().value(1).end_array();
    EXPECT_EQ(out, "data: 1[1]");
}

TEST(writer, escapes_every_byte_so_that_it_reads_back) {
    std::string all;
    for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
    all += "\u00e9\u65e5\U0001f600";
    for (std::size_t start = 0; start < 20; ++start) {
        const std::string text = all.substr(start);
        const std::string json = written([&](json::writer& out) { out.value(text); });
        EXPECT_EQ(nlohmann::json::parse(json), text);
        EXPECT_EQ(json, nlohmann::json(text).dump()) << "the shortest escapes";
    }
}

TEST(writer, escapes_keys) {
    EXPECT_EQ(written([](json::writer& out) { out.begin_object().member("a\"b", "").end_object(); }), R"({"a\"b":""})");
}

TEST(writer, writes_integers_of_all_sizes) {
    const auto number = [](auto value) { return written([&](json::writer& out) { out.value(value); }); };
    EXPECT_EQ(number(0), "0");
    EXPECT_EQ(number(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(number(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
    EXPECT_EQ(number(static_cast<unsigned short>(65535)), "65535");
    EXPECT_EQ(number(true), "true");
}

TEST(writer, writes_doubles_shortest_and_exact) {
    const auto number = [](double value) { return written([&](json::writer& out) { out.value(value); }); };
    EXPECT_EQ(number(0.1), "0.1");
    EXPECT_EQ(number(0.7), "0.7");
    EXPECT_EQ(number(1.0), "1");
    EXPECT_EQ(number(-2.5), "-2.5");
    std::mt19937_64 random(1);
    for (int i = 0; i < 10000; ++i) {
        const std::uint64_t bits = random();
        double value = 0;
        std::memcpy(&value, &bits, sizeof value);
        if (!std::isfinite(value)) continue;
        ASSERT_EQ(nlohmann::json::parse(number(value)).get<double>(), value);
    }
}

TEST(writer, refuses_numbers_that_json_lacks) {
    for (const double value : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                               std::numeric_limits<double>::quiet_NaN()}) {
        std::string out;
        json::writer writer(out);
        EXPECT_TRUE(writer.ok());
        writer.value(value);
        EXPECT_FALSE(writer.ok());
        EXPECT_EQ(out, "null");
    }
}

}  // namespace

}  // namespace writer_tests
