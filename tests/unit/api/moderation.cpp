// Contracts of requests for moderation and of what was judged.
#include <chorus/api/moderation.hpp>
#include <chorus/api/validate.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace moderation_tests {

namespace {

using namespace chorus;

std::string refused(const moderation_request& request) {
    const auto checked = validate(request);
    return checked ? "" : std::string(checked.error().param());
}

TEST(moderation_request, chains_on_objects_and_on_temporaries) {
    moderation_request named;
    named.model("m").text("a").texts({"b", "c"});
    EXPECT_FALSE(named.has_images());
    named.image("https://x");
    EXPECT_TRUE(named.has_images());
    ASSERT_EQ(named.items().size(), 4u);
    EXPECT_EQ(named.items()[2].value, "c");
    EXPECT_EQ(named.items()[3].type, moderation_request::item::kind::image);
    const auto chained = moderation_request("m").text("a").image("u").header("X", "y");
    EXPECT_EQ(chained.items().size(), 2u);
}

TEST(moderation_request, is_refused_where_it_cannot_succeed) {
    EXPECT_EQ(refused(moderation_request().text("a")), "") << "the server has a model of its own";
    EXPECT_EQ(refused(moderation_request().text("")), "");
    EXPECT_EQ(refused(moderation_request("m")), "input");
    EXPECT_EQ(refused(moderation_request("m").text("a").image("")), "input[1]");
    EXPECT_EQ(refused(moderation_request("m").text("a").text("\xff")), "input[1]");
    EXPECT_EQ(refused(moderation_request("m\xff").text("a")), "model");
    EXPECT_EQ(refused(moderation_request("m").text("a").header("Host", "x")), "headers[Host]");
}

TEST(moderation_result, answers_by_category) {
    moderation_result judged;
    judged.categories = {{.name = "hate", .score = 0.25}, {.name = "violence", .flagged = true, .score = 0.75}};
    EXPECT_TRUE(judged.is("violence"));
    EXPECT_FALSE(judged.is("hate"));
    EXPECT_FALSE(judged.is("unknown"));
    EXPECT_EQ(judged.score("hate"), 0.25);
    EXPECT_EQ(judged.score("unknown"), std::nullopt);
    EXPECT_EQ(judged.find("violence"), &judged.categories[1]);
    EXPECT_EQ(judged.find("unknown"), nullptr);
}

TEST(moderation_response, holds_what_came) {
    moderation_result flagged;
    flagged.flagged = true;
    http::response received;
    received.body = R"({"x":1})";
    received.headers.add("x-request-id", "r");
    const moderation_response response("id", "m", {moderation_result(), flagged}, received);
    EXPECT_EQ(response.results().size(), 2u);
    EXPECT_TRUE(response.is_flagged());
    EXPECT_EQ(response.headers().get("x-request-id"), "r");
    EXPECT_EQ(response.raw()["x"], 1);
}

TEST(moderation_response, is_empty_by_default) {
    const moderation_response none;
    EXPECT_TRUE(none.results().empty());
    EXPECT_FALSE(none.is_flagged());
    EXPECT_EQ(none.raw_text(), "");
    EXPECT_TRUE(none.raw().is_null());
}

}  // namespace

}  // namespace moderation_tests
