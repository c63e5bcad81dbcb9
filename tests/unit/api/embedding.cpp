// Contracts of requests for embeddings and of what is joined of several calls.
#include <chorus/api/embedding.hpp>
#include <chorus/api/validate.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

namespace embedding_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;
using vectors = std::vector<std::vector<float>>;

std::string refused(const embedding_request& request) {
    const auto checked = validate(request);
    if (checked) return "";
    EXPECT_EQ(checked.error(), errc::invalid_argument);
    EXPECT_EQ(checked.error().phase(), phase::input);
    EXPECT_NE(checked.error().text().find(checked.error().param()), std::string_view::npos);
    return std::string(checked.error().param());
}

TEST(embedding_request, chains_on_objects_and_on_temporaries) {
    embedding_request named("m");
    named.input("a").inputs({"b", "c"}).dimensions(8).end_user("u").batch_size(2).timeout(3s).header("X", "y");
    named.extra("f", 1).model("n");
    EXPECT_EQ(named.model(), "n");
    ASSERT_EQ(named.inputs().size(), 3u);
    EXPECT_EQ(std::get<std::string>(named.inputs()[2]), "c");
    EXPECT_EQ(named.dimensions(), 8);
    EXPECT_EQ(named.end_user(), "u");
    EXPECT_EQ(named.batch_size(), 2u);
    EXPECT_EQ(named.options().timeout, 3s);
    EXPECT_EQ(named.options().extra, string_pairs({{"f", "1"}}));

    const auto chained = embedding_request("m").tokens({1, 2}).header("X", "y").extra("f", "g").input("a").timeout(1s);
    EXPECT_EQ(std::get<token_list>(chained.inputs()[0]), token_list({1, 2}));
    EXPECT_EQ(chained.options().headers, string_pairs({{"X", "y"}}));
    static_assert(std::is_same_v<decltype(embedding_request().timeout(1s)), embedding_request&&>);
    static_assert(std::is_nothrow_move_constructible_v<embedding_request>);
}

TEST(embedding_request, is_refused_where_it_cannot_succeed) {
    const auto good = [] { return embedding_request("m").input("a"); };
    EXPECT_EQ(refused(good()), "");
    EXPECT_EQ(refused(embedding_request().input("a")), "model");
    EXPECT_EQ(refused(embedding_request("m\xff").input("a")), "model");
    EXPECT_EQ(refused(embedding_request("m")), "input");
    EXPECT_EQ(refused(good().input("").input("")), "input[1]");
    EXPECT_EQ(refused(embedding_request("m").tokens({1}).tokens({})), "input[1]");
    EXPECT_EQ(refused(good().input("b").input("\xff")), "input[2]");
    EXPECT_EQ(refused(good().tokens({1})), "input[1]");
    EXPECT_EQ(refused(embedding_request("m").tokens({1}).input("a")), "input[1]");
    EXPECT_EQ(refused(good().dimensions(0)), "dimensions");
    EXPECT_EQ(refused(good().batch_size(0)), "batch_size");
    EXPECT_EQ(refused(good().end_user("\xff")), "user");
    EXPECT_EQ(refused(good().timeout(0s)), "timeout");
    EXPECT_EQ(refused(good().extra("", 1)), "extra");
    EXPECT_EQ(refused(good().extra("x", "\xff")), "extra.x");
    EXPECT_EQ(refused(good().header("Host", "x")), "headers[Host]");
    EXPECT_EQ(refused(good().header("X", "a\nb")), "headers[X]");
}

embedding_response response(vectors embeddings, token_count prompt, token_count total, std::string model = "m") {
    chorus::usage spent;
    spent.prompt_tokens = prompt;
    spent.total_tokens = total;
    http::headers headers;
    headers.add("x-request-id", model);
    return {std::move(model), std::move(embeddings), spent, std::move(headers)};
}

TEST(embedding_response, joins_batches_in_their_order_and_sums_what_they_cost) {
    auto joined = response({{1}, {2}}, 3, 4, "m-1");
    joined.append(response({{3}}, 5, 6, "m-2")).append(response({{4}}, 7, 8, "m-3"));
    EXPECT_EQ(joined.embeddings(), vectors({{1}, {2}, {3}, {4}}));
    EXPECT_EQ(joined[3], std::vector<float>({4}));
    EXPECT_EQ(joined.usage().prompt_tokens, 15);
    EXPECT_EQ(joined.usage().total_tokens, 18);
    EXPECT_EQ(joined.model(), "m-1");
    EXPECT_EQ(joined.headers().get("x-request-id"), "m-3");
}

TEST(embedding_response, knows_no_sum_where_a_batch_has_no_count) {
    auto joined = response({{1}}, 3, std::nullopt);
    joined.append(response({{2}}, std::nullopt, 4)).append(response({{3}}, 5, 6));
    EXPECT_FALSE(joined.usage().prompt_tokens);
    EXPECT_FALSE(joined.usage().total_tokens);
}

TEST(embedding_response, gives_its_vectors_away) {
    auto whole = response({{1, 2}}, 1, 1);
    const float* const data = whole[0].data();
    const vectors taken = std::move(whole).embeddings();
    EXPECT_EQ(taken[0].data(), data);
}

TEST(cosine_similarity, tells_how_alike_directions_are) {
    const std::vector<float> x = {3, 0};
    const std::vector<float> y = {0, 0.5F};
    const std::vector<float> opposite = {-1, 0};
    const std::vector<float> between = {1, 1};
    EXPECT_DOUBLE_EQ(cosine_similarity(x, x), 1);
    EXPECT_DOUBLE_EQ(cosine_similarity(x, y), 0);
    EXPECT_DOUBLE_EQ(cosine_similarity(x, opposite), -1);
    EXPECT_NEAR(cosine_similarity(x, between), 0.70710678, 1e-7);
}

TEST(cosine_similarity, is_zero_where_there_is_no_angle) {
    const std::vector<float> x = {1, 2};
    const std::vector<float> zero = {0, 0};
    const std::vector<float> longer = {1, 2, 3};
    EXPECT_EQ(cosine_similarity(x, zero), 0);
    EXPECT_EQ(cosine_similarity(zero, zero), 0);
    EXPECT_EQ(cosine_similarity(x, longer), 0);
    EXPECT_EQ(cosine_similarity({}, {}), 0);
}

}  // namespace

}  // namespace embedding_tests
