#include <chorus/testing/mock_models.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace mock_models_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;
using answering = void (*)(const mock_request&, mock_reply&);

mock_reply ask(const std::string& target, answering answer = &answer_models) {
    mock_request request;
    request.method = "GET";
    request.target = target;
    mock_reply reply;
    answer(request, reply);
    return reply;
}

std::vector<std::string> ids(const json& page) {
    std::vector<std::string> all;
    for (const json& each : page["data"]) all.push_back(each["id"]);
    return all;
}

TEST(mock_models, lists_all_without_a_limit) {
    const json page = json::parse(ask("/v1/models").body);
    EXPECT_EQ(page["object"], "list");
    EXPECT_FALSE(page["has_more"]);
    EXPECT_GT(page["data"].size(), 3u);
    EXPECT_EQ(page["data"][0]["object"], "model");
    EXPECT_EQ(page["data"][0]["id"], "mock-model");
}

TEST(mock_models, pages_of_any_size_make_the_whole_list) {
    const std::vector<std::string> all = ids(json::parse(ask("/v1/models").body));
    struct shape {
        answering answer;
        const char* cursor;
    };
    for (const shape& each : {shape{&answer_models, "after"}, shape{&answer_anthropic_models, "after_id"}}) {
        for (std::size_t limit = 1; limit <= all.size() + 1; ++limit) {
            std::vector<std::string> seen;
            for (bool more = true; more;) {
                std::string target = "/v1/models?limit=" + std::to_string(limit);
                if (!seen.empty()) target += "&" + std::string(each.cursor) + "=" + seen.back();
                const json page = json::parse(ask(target, each.answer).body);
                EXPECT_LE(page["data"].size(), limit);
                for (const std::string& id : ids(page)) seen.push_back(id);
                EXPECT_EQ(page["last_id"], seen.back());
                more = page["has_more"];
            }
            EXPECT_EQ(seen, all);
        }
    }
}

TEST(mock_models, the_page_after_the_last_is_empty) {
    const std::string last = ids(json::parse(ask("/v1/models").body)).back();
    const json page = json::parse(ask("/v1/models?after=" + last).body);
    EXPECT_TRUE(page["data"].empty() && page["last_id"].is_null());
    EXPECT_FALSE(page["has_more"]);
}

TEST(mock_models, reads_an_escaped_cursor) {
    EXPECT_EQ(ids(json::parse(ask("/v1/models?x=1&after=mock%2dmodel&limit=1").body)),
              std::vector<std::string>{"mock-model-mini"});
}

TEST(mock_models, refuses_a_page_that_cannot_be) {
    for (const char* query : {"after=none", "limit=0", "limit=x", "limit=-1", "limit=1001", "limit=2x"}) {
        EXPECT_EQ(ask("/v1/models?" + std::string(query)).status, 400) << query;
    }
    EXPECT_EQ(ask("/v1/models?after_id=none", &answer_anthropic_models).status, 400);
}

TEST(mock_models, describes_one_by_its_id) {
    EXPECT_EQ(json::parse(ask("/v1/models/mock-model-mini").body)["id"], "mock-model-mini");
    const mock_reply unknown = ask("/v1/models/none");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(json::parse(unknown.body)["error"]["code"], "model_not_found");
}

}  // namespace

}  // namespace mock_models_tests
