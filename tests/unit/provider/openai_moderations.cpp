// Contracts of writing and reading moderations in the format of OpenAI.
#include <chorus/provider/openai_moderations.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace openai_moderations_tests {

namespace {

using namespace chorus;

std::string encoded(const moderation_request& request) {
    const auto body = openai_format::encode_moderation(request);
    EXPECT_TRUE(body) << body.error().message();
    return body ? *body : "";
}

result<moderation_response> decoded(std::string body, int status = 200) {
    return openai_format::decode_moderation({status, {}, std::move(body), {}}, {});
}

TEST(encode_moderation, writes_texts_to_be_judged_one_by_one) {
    EXPECT_EQ(encoded(moderation_request("m").text("a").texts({"\"b\"", ""})),
              R"({"model":"m","input":["a","\"b\"",""]})");
}

TEST(encode_moderation, writes_texts_and_images_as_one_post) {
    EXPECT_EQ(encoded(moderation_request("m").text("a").image("https://x/1.png")),
              R"({"model":"m","input":[{"type":"text","text":"a"},)"
              R"({"type":"image_url","image_url":{"url":"https://x/1.png"}}]})");
}

TEST(encode_moderation, leaves_the_model_to_the_server_and_fields_to_extra) {
    EXPECT_EQ(encoded(moderation_request().text("a")), R"({"input":["a"]})");
    EXPECT_EQ(encoded(moderation_request("m").text("a").extra("input", "b").extra("x", 1)),
              R"({"model":"m","input":"b","x":1})");
}

TEST(encode_moderation, obeys_quirks) {
    EXPECT_EQ(*openai_format::encode_moderation(moderation_request("m").text("a"), openai_quirks().drop("model")),
              R"({"input":["a"]})");
    const auto refused =
        openai_format::encode_moderation(moderation_request("m").text("a"), openai_quirks().refuse("input"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().param(), "input");
}

TEST(decode_moderation, reads_every_field) {
    const auto response = decoded(R"({"id":"modr-1","model":"omni-1","results":[
        {"flagged":true,"categories":{"violence":true,"hate":false,"illicit":null},
         "category_scores":{"violence":0.9,"hate":1e-5,"illicit":null},
         "category_applied_input_types":{"violence":["text","image"],"hate":[]}},
        {"flagged":false,"categories":{},"category_scores":{}}],"new_field":1})");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->id(), "modr-1");
    EXPECT_EQ(response->model(), "omni-1");
    EXPECT_TRUE(response->is_flagged());
    ASSERT_EQ(response->results().size(), 2u);

    const moderation_result& first = response->results()[0];
    EXPECT_TRUE(first.flagged);
    ASSERT_EQ(first.categories.size(), 3u);
    EXPECT_EQ(first.categories[0].name, "violence");
    EXPECT_TRUE(first.categories[0].flagged);
    EXPECT_EQ(first.categories[0].score, 0.9);
    EXPECT_EQ(first.categories[0].applied_input_types, (std::vector<std::string>{"text", "image"}));
    EXPECT_EQ(first.score("hate"), 1e-5);
    EXPECT_FALSE(first.is("hate"));
    ASSERT_NE(first.find("illicit"), nullptr);
    EXPECT_FALSE(first.is("illicit"));
    EXPECT_EQ(first.score("illicit"), std::nullopt);

    EXPECT_FALSE(response->results()[1].flagged);
    EXPECT_EQ(response->raw()["new_field"], 1);
}

TEST(decode_moderation, keeps_no_more_categories_than_it_can_tell_apart_in_time) {
    std::string body = R"({"results":[{"categories":{)";
    for (int i = 0; i < 5000; ++i) body += (i > 0 ? ",\"c" : "\"c") + std::to_string(i) + "\":true";
    const auto response = decoded(body + "}}]}");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->results()[0].categories.size(), 1000u);
    EXPECT_TRUE(response->results()[0].is("c999"));
}

TEST(decode_moderation, refuses_what_is_no_answer) {
    for (const char* bad : {"{}", R"({"results":null})", R"({"results":{}})", "[]", "", "{"}) {
        const auto response = decoded(bad);
        ASSERT_FALSE(response) << bad;
        EXPECT_EQ(response.error(), errc::decode_failed) << bad;
        EXPECT_EQ(response.error().body(), bad);
    }
}

TEST(decode_moderation, takes_results_that_lack_everything) {
    const auto response = decoded(R"({"results":[{},null,7]})");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->results().size(), 3u);
    EXPECT_FALSE(response->is_flagged());
}

TEST(decode_moderation, gives_the_errors_of_the_server) {
    const auto response = decoded(R"({"error":{"message":"Slow down.","code":"rate_limit_exceeded"}})", 429);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error(), errc::rate_limited);
    EXPECT_EQ(response.error().text(), "Slow down.");
}

}  // namespace

}  // namespace openai_moderations_tests
