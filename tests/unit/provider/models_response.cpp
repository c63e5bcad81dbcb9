// Contracts of reading lists of models in the shapes of all servers.
#include <chorus/provider/models_response.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>

namespace models_response_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

result<model_page> decoded(std::string body, int status = 200) {
    return decode_models({status, {}, std::move(body), {}}, {});
}

TEST(decode_models, reads_the_shape_of_openai) {
    const auto page = decoded(R"({"object":"list","data":[
        {"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system","shutdown_date":"2027-01-01"},
        {"id":"ft:gpt-4o:org::1","object":"model","created":null,"owned_by":null}]})");
    ASSERT_TRUE(page) << page.error().message();
    ASSERT_EQ(page->models.size(), 2u);
    EXPECT_EQ(page->models[0].id, "gpt-4o-mini");
    EXPECT_EQ(page->models[0].created, std::chrono::sys_seconds(1721172741s));
    EXPECT_EQ(page->models[0].owned_by, "system");
    EXPECT_EQ(page->models[0].display_name, "");
    EXPECT_EQ(page->models[0].raw()["shutdown_date"], "2027-01-01");
    EXPECT_EQ(page->models[1].id, "ft:gpt-4o:org::1");
    EXPECT_FALSE(page->models[1].created);
    EXPECT_EQ(page->next, "") << "the one and only page";
}

TEST(decode_models, reads_the_shape_of_anthropic) {
    const auto page = decoded(R"({"data":[{"type":"model","id":"claude-x","display_name":"Claude X",
        "created_at":"2025-05-14T00:00:00Z","max_input_tokens":200000}],
        "has_more":true,"first_id":"claude-x","last_id":"claude-x"})");
    ASSERT_TRUE(page) << page.error().message();
    ASSERT_EQ(page->models.size(), 1u);
    EXPECT_EQ(page->models[0].display_name, "Claude X");
    EXPECT_EQ(page->models[0].created, std::chrono::sys_seconds(std::chrono::sys_days(2025y / 5 / 14)));
    EXPECT_EQ(page->models[0].raw()["max_input_tokens"], 200000);
    EXPECT_EQ(page->next, "claude-x");
}

TEST(decode_models, takes_other_names_and_times) {
    const auto page = decoded(R"({"data":[{"id":"a","name":"A","created":1.7e9},{"id":"b","created_at":"soon"}]})");
    ASSERT_TRUE(page);
    EXPECT_EQ(page->models[0].display_name, "A");
    EXPECT_EQ(page->models[0].created, std::chrono::sys_seconds(1700000000s));
    EXPECT_FALSE(page->models[1].created);
}

TEST(decode_models, tells_where_the_next_page_begins) {
    const auto next = [](const char* body) { return decoded(body)->next; };
    EXPECT_EQ(next(R"({"has_more":true,"last_id":"b","data":[{"id":"a"},{"id":"b"}]})"), "b");
    EXPECT_EQ(next(R"({"has_more":true,"data":[{"id":"a"},{"id":"b"}]})"), "b");
    EXPECT_EQ(next(R"({"has_more":true,"last_id":null,"data":[{"id":"a"}]})"), "a");
    EXPECT_EQ(next(R"({"has_more":false,"last_id":"b","data":[{"id":"a"}]})"), "");
    EXPECT_EQ(next(R"({"last_id":"b","data":[{"id":"a"}]})"), "");
    EXPECT_EQ(next(R"({"has_more":true,"data":[]})"), "");
}

TEST(decode_models, passes_over_what_has_no_id) {
    const auto page = decoded(R"({"data":[{},null,7,{"id":"a"}]})");
    ASSERT_TRUE(page);
    ASSERT_EQ(page->models.size(), 1u);
    EXPECT_EQ(page->models[0].id, "a");
}

TEST(decode_models, refuses_what_is_no_list) {
    for (const char* bad : {"{}", R"({"data":null})", "[]", "", R"({"data":[{"id":"a"})"}) {
        const auto page = decoded(bad);
        ASSERT_FALSE(page) << bad;
        EXPECT_EQ(page.error(), errc::decode_failed) << bad;
        EXPECT_EQ(page.error().phase(), phase::decode) << bad;
    }
}

TEST(decode_models, gives_the_errors_of_the_server) {
    const auto page = decoded(R"([{"error":{"code":403,"message":"No.","status":"PERMISSION_DENIED"}}])", 403);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error(), errc::permission_denied);
    EXPECT_EQ(page.error().text(), "No.");
}

TEST(decode_model, reads_one_and_keeps_its_text) {
    const std::string body = R"({"id":"org/m","object":"model","created":1,"owned_by":"o","x":[1]})";
    const auto model = decode_model({200, {}, body, {}}, {});
    ASSERT_TRUE(model) << model.error().message();
    EXPECT_EQ(model->id, "org/m");
    EXPECT_EQ(model->owned_by, "o");
    EXPECT_EQ(model->raw_text, body);
    EXPECT_EQ(model->raw()["x"][0], 1);
}

TEST(decode_model, needs_an_id) {
    const auto nothing = decode_model({200, {}, "{}", {}}, {});
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error(), errc::decode_failed);
    const auto missing = decode_model({404, {}, R"({"error":{"message":"No such model"}})", {}}, {});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error(), errc::not_found);
}

}  // namespace

}  // namespace models_response_tests
