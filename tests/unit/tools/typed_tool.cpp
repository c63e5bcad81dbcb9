// Tools of described structs: schema, conversion, and what the model is told.
#include <chorus/async/sleep.hpp>
#include <chorus/testing/gtest.hpp>
#include <chorus/tools/run_calls.hpp>
#include <chorus/tools/typed_tool.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "scripted_model.hpp"

namespace chorus::typed_tool_tests {
namespace {

using json = nlohmann::json;

enum class unit { celsius, fahrenheit };
BOOST_DESCRIBE_ENUM(unit, celsius, fahrenheit)

struct numbers {
    std::int8_t a = 0;
    std::int8_t b = 0;
};
BOOST_DESCRIBE_STRUCT(numbers, (), (a, b))

struct place {
    std::string city;
    std::optional<unit> in;
};
BOOST_DESCRIBE_STRUCT(place, (), (city, in))

struct report {
    std::string city;
    double degrees = 0;
};
BOOST_DESCRIBE_STRUCT(report, (), (city, degrees))

struct labels {
    std::map<std::string, std::string> all;
};
BOOST_DESCRIBE_STRUCT(labels, (), (all))

awaitable<message> call_tool(tool_set tools, std::string name, std::string arguments) {
    answer asked;
    asked.tool_calls.push_back(sample::call("c1", std::move(name), std::move(arguments)));
    const auto messages = co_await run_calls(tools, asked);
    co_return messages.at(0);
}
awaitable<std::string> text_of(tool_set tools, std::string name, std::string arguments) {
    const message output = co_await call_tool(std::move(tools), std::move(name), std::move(arguments));
    EXPECT_FALSE(output.has_failed());
    co_return *output.content().as_text();
}

TEST(typed_tool, derives_the_schema_from_the_struct) {
    tool_set tools;
    tools.add<place>("weather", "Tells the weather.", [](const place&) { return ""; });
    const tool described = tools.descriptions().at(0);
    EXPECT_EQ(described.name(), "weather");
    EXPECT_EQ(described.description(), "Tells the weather.");
    EXPECT_EQ(described.is_strict(), true);
    const json schema = json::parse(described.parameters().value());
    EXPECT_EQ(schema["required"], json({"city", "in"}));
    EXPECT_EQ(schema["additionalProperties"], false);
    tools.add<labels>("tag", "", [](const labels&) {});
    EXPECT_EQ(tools.descriptions().at(1).is_strict(), std::nullopt) << "strict mode knows no maps";
}

CHORUS_TEST(typed_tool, takes_every_kind_of_handler) {
    tool_set tools;
    tools.add<numbers>("plain", "", [](const numbers& n) { return n.a + n.b; });
    tools.add<numbers>("by_value", "", [calls = 0](numbers n) mutable { return n.a + n.b + calls++; });
    tools.add<numbers>("coroutine", "", [](const numbers& n) -> awaitable<int> {
        co_await sleep_for(std::chrono::seconds(1));
        co_return n.a + n.b;
    });
    tools.add<numbers>("job", "", offloaded([](const numbers& n) { return n.a + n.b; }));
    tools.add<numbers>("silent", "", [](numbers) {});
    tools.add<numbers>("silent_coroutine", "", [](numbers) -> awaitable<void> { co_return; });
    for (const std::string name : {"plain", "by_value", "coroutine", "job"}) {
        const std::string text = co_await text_of(tools, name, R"({"a": 2, "b": 3})");
        EXPECT_EQ(text, "5") << name;
    }
    EXPECT_EQ(co_await text_of(tools, "silent", R"({"a": 2, "b": 3})"), "done");
    EXPECT_EQ(co_await text_of(tools, "silent_coroutine", R"({"a": 2, "b": 3})"), "done");
}

CHORUS_TEST(typed_tool, writes_what_a_handler_returns) {
    tool_set tools;
    tools.add<place>("struct", "", [](const place& where) { return report{where.city, 21.5}; });
    tools.add<place>("list", "", [](const place& where) { return std::vector<report>{{where.city, 1}}; });
    tools.add<place>("enum", "", [](const place& where) { return where.in.value_or(unit::celsius); });
    tools.add<place>("optional", "", [](const place&) { return std::optional<int>(); });
    tools.add<place>("result", "", [](const place& where) -> result<report> { return report{where.city, 0}; });
    tools.add<place>("later", "", [](place where) -> awaitable<result<report>> { co_return report{where.city, 0}; });
    tools.add<place>("text", "", [](const place& where) { return "It is warm in " + where.city; });
    tools.add<place>("content", "", [](const place&) { return content("content"); });
    const std::string ulm = R"({"city": "Ulm", "in": "fahrenheit"})";
    EXPECT_EQ(co_await text_of(tools, "struct", ulm), R"({"city":"Ulm","degrees":21.5})");
    EXPECT_EQ(co_await text_of(tools, "list", ulm), R"([{"city":"Ulm","degrees":1.0}])");
    EXPECT_EQ(co_await text_of(tools, "enum", ulm), R"("fahrenheit")");
    EXPECT_EQ(co_await text_of(tools, "optional", ulm), "null");
    EXPECT_EQ(co_await text_of(tools, "result", ulm), R"({"city":"Ulm","degrees":0.0})");
    EXPECT_EQ(co_await text_of(tools, "later", ulm), R"({"city":"Ulm","degrees":0.0})");
    EXPECT_EQ(co_await text_of(tools, "text", ulm), "It is warm in Ulm");
    EXPECT_EQ(co_await text_of(tools, "content", ulm), "content");
}

CHORUS_TEST(typed_tool, tells_the_model_what_does_not_fit) {
    tool_set tools;
    int called = 0;
    tools.add<numbers>("add", "", [&](const numbers& n) { return n.a + n.b + called++; });
    const message missing = co_await call_tool(tools, "add", R"({"a": 1})");
    EXPECT_TRUE(missing.has_failed());
    EXPECT_NE(missing.content().as_text()->find("arguments.b is missing"), std::string::npos);
    // The schema says no more than that it is an integer.
    const message large = co_await call_tool(tools, "add", R"({"a": 1, "b": 1000})");
    EXPECT_TRUE(large.has_failed());
    EXPECT_TRUE(large.content().as_text()->starts_with("Error: arguments.b: ")) << *large.content().as_text();
    EXPECT_EQ(called, 0);
}

}  // namespace
}  // namespace chorus::typed_tool_tests
