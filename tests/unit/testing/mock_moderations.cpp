#include <chorus/testing/mock_moderations.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <utility>

namespace mock_moderations_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;

mock_reply answer(std::string body) {
    mock_request request;
    request.body = std::move(body);
    mock_reply reply;
    answer_moderations(request, reply);
    return reply;
}

json results(const char* input) {
    return json::parse(answer(std::string(R"({"input":)") + input + "}").body)["results"];
}

TEST(mock_moderations, flags_the_categories_that_a_text_names) {
    const json result = results(R"("A text about Self-Harm and the intent of it")").at(0);
    EXPECT_TRUE(result["flagged"]);
    EXPECT_EQ(result["categories"].size(), 13u);
    for (const auto& [category, flagged] : result["categories"].items()) {
        const bool named = category == "self-harm" || category == "self-harm/intent";
        EXPECT_EQ(flagged, named) << category;
        EXPECT_EQ(result["category_scores"][category] > 0.5, named) << category;
        EXPECT_EQ(result["category_applied_input_types"][category], json::array({"text"}));
    }
}

TEST(mock_moderations, flags_no_harmless_text) {
    const json result = results(R"("good morning")").at(0);
    EXPECT_FALSE(result["flagged"]);
}

TEST(mock_moderations, gives_a_result_for_each_text_and_one_for_parts) {
    const json texts = results(R"(["violence","peace"])");
    ASSERT_EQ(texts.size(), 2u);
    EXPECT_TRUE(texts[0]["categories"]["violence"]);
    EXPECT_FALSE(texts[1]["flagged"]);
    const json parts = results(R"([{"type":"text","text":"hate"},{"type":"image_url","image_url":{"url":"u"}}])");
    ASSERT_EQ(parts.size(), 1u);
    EXPECT_TRUE(parts[0]["categories"]["hate"]);
    EXPECT_EQ(parts[0]["category_applied_input_types"]["hate"], json::array({"text", "image"}));
}

TEST(mock_moderations, answers_with_the_model_asked_for_or_the_latest) {
    EXPECT_EQ(json::parse(answer(R"({"model":"m","input":"a"})").body)["model"], "m");
    EXPECT_EQ(json::parse(answer(R"({"input":"a"})").body)["model"], "omni-moderation-latest");
}

TEST(mock_moderations, refuses_a_body_without_input) {
    for (const char* body : {"", "{", "[]", R"({"model":"m"})", R"({"input":[]})"}) {
        EXPECT_EQ(answer(body).status, 400) << body;
    }
}

}  // namespace

}  // namespace mock_moderations_tests
