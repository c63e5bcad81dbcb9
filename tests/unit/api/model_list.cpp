// Contracts of what is known of a model.
#include <chorus/api/model_list.hpp>
#include <chorus/api/validate.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>

namespace model_list_tests {

namespace {

using namespace chorus;

TEST(call_options, are_refused_where_their_limit_lets_nothing_happen) {
    call_options options;
    EXPECT_TRUE(validate(options));
    for (const auto timeout : {std::chrono::milliseconds(0), std::chrono::milliseconds(-1)}) {
        options.timeout = timeout;
        const auto refused = validate(options);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error(), errc::invalid_argument);
        EXPECT_EQ(refused.error().phase(), phase::input);
        EXPECT_EQ(refused.error().param(), "timeout");
    }
    options.timeout = std::chrono::milliseconds(1);
    EXPECT_TRUE(validate(options));
}

TEST(model_info, gives_its_json_and_null_where_there_is_none) {
    model_info model;
    EXPECT_TRUE(model.raw().is_null());
    model.raw_text = R"({"id":"m","context_length":8192})";
    EXPECT_EQ(model.raw()["context_length"], 8192);
    model.raw_text = "{";
    EXPECT_TRUE(model.raw().is_null());
}

}  // namespace

}  // namespace model_list_tests
