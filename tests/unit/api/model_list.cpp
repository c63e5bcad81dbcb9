// Contracts of what is known of a model.
#include <chorus/api/model_list.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace model_list_tests {

namespace {

using namespace chorus;

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
