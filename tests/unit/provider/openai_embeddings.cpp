// Contracts of writing and reading embeddings in the format of OpenAI.
#include <chorus/base64.hpp>
#include <chorus/provider/openai_embeddings.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace openai_embeddings_tests {

namespace {

using namespace chorus;
using namespace std::string_literals;

/// The body of the call that begins at an input; empty, after a failure, if it is refused.
std::string encoded(const embedding_request& request, const openai_quirks& quirks = {}, std::size_t next = 0) {
    const auto body = openai_format::encode_embeddings(request, next, quirks);
    EXPECT_TRUE(body) << body.error().message();
    return body ? *body : "";
}

/// How many inputs each call takes.
std::vector<std::size_t> batches(const embedding_request& request) {
    std::vector<std::size_t> sizes;
    for (std::size_t next = 0; next < request.inputs().size();) {
        const std::size_t first = next;
        const auto body = openai_format::encode_embeddings(request, next);
        if (!body) break;
        sizes.push_back(next - first);
    }
    return sizes;
}

result<embedding_response> decoded(std::string body, std::size_t inputs = 1, int status = 200) {
    return openai_format::decode_embeddings({status, {}, std::move(body), {}}, inputs, {});
}

std::string problem(std::string body, std::size_t inputs = 1) {
    const auto response = decoded(std::move(body), inputs);
    if (response) return "";
    EXPECT_EQ(response.error(), errc::decode_failed);
    EXPECT_EQ(response.error().phase(), phase::decode);
    return std::string(response.error().text());
}

TEST(encode_embeddings, writes_texts_and_asks_for_base64) {
    EXPECT_EQ(encoded(embedding_request("m").input("a \"cat\"").input("ein Kätzchen")),
              R"({"model":"m","input":["a \"cat\"","ein Kätzchen"],"encoding_format":"base64"})");
}

TEST(encode_embeddings, writes_tokens) {
    EXPECT_EQ(encoded(embedding_request("m").tokens({1, 2}).tokens({100257})),
              R"({"model":"m","input":[[1,2],[100257]],"encoding_format":"base64"})");
}

TEST(encode_embeddings, writes_the_options) {
    EXPECT_EQ(encoded(embedding_request("m").input("x").dimensions(256).end_user("u").extra("input_type", "query")),
              R"({"model":"m","input":["x"],"encoding_format":"base64","dimensions":256,"user":"u",)"
              R"("input_type":"query"})");
}

TEST(encode_embeddings, leaves_fields_to_extra) {
    EXPECT_EQ(encoded(embedding_request("m").input("x").extra("encoding_format", "float")),
              R"({"model":"m","input":["x"],"encoding_format":"float"})");
}

TEST(encode_embeddings, obeys_quirks) {
    const auto request = embedding_request("m").input("x").dimensions(2).end_user("u");
    EXPECT_EQ(
        encoded(request, openai_quirks().drop("encoding_format").drop("user").rename("dimensions", "output_dimension")),
        R"({"model":"m","input":["x"],"output_dimension":2})");
    std::size_t next = 0;
    const auto body = openai_format::encode_embeddings(request, next, openai_quirks().refuse("dimensions"));
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error(), errc::invalid_argument);
    EXPECT_EQ(body.error().phase(), phase::input);
    EXPECT_EQ(body.error().param(), "dimensions");
}

TEST(encode_embeddings, splits_by_the_number_of_inputs) {
    const auto with = [](std::size_t count) {
        return embedding_request("m").inputs(std::vector<std::string>(count, "x"));
    };
    EXPECT_EQ(batches(with(1)), std::vector<std::size_t>({1}));
    EXPECT_EQ(batches(with(2048)), std::vector<std::size_t>({2048}));
    EXPECT_EQ(batches(with(2049)), std::vector<std::size_t>({2048, 1}));
    EXPECT_EQ(batches(with(4097)), std::vector<std::size_t>({2048, 2048, 1}));
    EXPECT_EQ(batches(with(5).batch_size(2)), std::vector<std::size_t>({2, 2, 1}));
    EXPECT_EQ(batches(with(2049).batch_size(9999)), std::vector<std::size_t>({2048, 1}));
}

TEST(encode_embeddings, splits_by_the_number_of_tokens) {
    const token_list third(100'000, 1);
    const auto four = embedding_request("m").tokens(third).tokens(third).tokens(third).tokens({1});
    EXPECT_EQ(batches(four), std::vector<std::size_t>({3, 1}));
    // Two bytes of a text count as a token.
    const std::string text(199'990, 'x');
    EXPECT_EQ(batches(embedding_request("m").inputs({text, text, text, "xx", text})), std::vector<std::size_t>({4, 1}));
}

TEST(encode_embeddings, sends_an_input_that_is_too_long_alone) {
    const std::string text(700'000, 'x');
    EXPECT_EQ(batches(embedding_request("m").inputs({"x", text, "x"})), std::vector<std::size_t>({1, 1, 1}));
}

TEST(encode_embeddings, writes_the_batch_that_it_is_told) {
    const auto request = embedding_request("m").inputs({"a", "b", "c"}).batch_size(2);
    EXPECT_EQ(nlohmann::json::parse(encoded(request, {}, 2))["input"], nlohmann::json({"c"}));
}

constexpr const char* floats = R"({"object":"list","model":"m-1","data":[
    {"object":"embedding","index":0,"embedding":[0.5,-1,1e-3]},{"object":"embedding","index":1,"embedding":[1,2,3]}],
    "usage":{"prompt_tokens":5,"total_tokens":6}})";

TEST(decode_embeddings, reads_lists_of_numbers) {
    const auto response = decoded(floats, 2);
    ASSERT_TRUE(response) << response.error().message();
    ASSERT_EQ(response->size(), 2u);
    EXPECT_EQ((*response)[0], std::vector<float>({0.5F, -1.0F, 1e-3F}));
    EXPECT_EQ((*response)[1], std::vector<float>({1, 2, 3}));
    EXPECT_EQ(response->model(), "m-1");
    EXPECT_EQ(response->usage().prompt_tokens, 5);
    EXPECT_EQ(response->usage().total_tokens, 6);
}

TEST(decode_embeddings, reads_base64_with_the_lowest_byte_first) {
    // 1.0f is 0x3f800000, -2.5f is 0xc0200000.
    const auto response = decoded(R"({"data":[{"index":0,"embedding":"AACAPwAAIMA="}]})");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ((*response)[0], std::vector<float>({1.0F, -2.5F}));
}

TEST(decode_embeddings, reads_base64_bit_by_bit) {
    const std::vector<float> special = {0.0F,
                                        -0.0F,
                                        std::numeric_limits<float>::denorm_min(),
                                        std::numeric_limits<float>::max(),
                                        -std::numeric_limits<float>::infinity(),
                                        0.1F};
    std::string bytes;
    for (const float each : special) {
        const auto bits = std::bit_cast<std::uint32_t>(each);
        for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xff);
    }
    const std::string text = chorus::detail::encode_base64(std::as_bytes(std::span(bytes)));
    const auto response = decoded(R"({"data":[{"embedding":")" + text + "\"}]}");
    ASSERT_TRUE(response) << response.error().message();
    ASSERT_EQ((*response)[0].size(), special.size());
    for (std::size_t i = 0; i < special.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>((*response)[0][i]), std::bit_cast<std::uint32_t>(special[i]));
    }
}

TEST(decode_embeddings, reads_base64_with_escaped_slashes) {
    // Some encoders of JSON escape every slash. 0xbfffffff is -1.9999999.
    const auto response = decoded(R"({"data":[{"embedding":"\/\/\/\/vw=="}]})");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(std::bit_cast<std::uint32_t>((*response)[0][0]), 0xbfffffffU);
}

TEST(decode_embeddings, puts_each_where_its_index_says) {
    const auto response = decoded(R"({"data":[{"index":2,"embedding":[2]},{"index":0,"embedding":[0]},
                                              {"embedding":"AACAPw==","index":1}]})",
                                  3);
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->embeddings(), (std::vector<std::vector<float>>{{0}, {1}, {2}}));
}

TEST(decode_embeddings, counts_where_there_are_no_indices) {
    const auto response = decoded(R"({"data":[{"embedding":[1]},{"embedding":[2],"index":null}]})", 2);
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->embeddings(), (std::vector<std::vector<float>>{{1}, {2}}));
    EXPECT_FALSE(response->usage().total_tokens) << "never guessed";
}

TEST(decode_embeddings, refuses_what_does_not_fit_the_inputs) {
    EXPECT_EQ(problem(floats, 3), "the response has 2 embeddings for 3 inputs");
    EXPECT_EQ(problem(R"({"data":[]})"), "the response has 0 embeddings for 1 inputs");
    EXPECT_EQ(problem(floats, 1), "the embedding with index 1 is for no input");
    EXPECT_EQ(problem(R"({"data":[{"index":-1,"embedding":[1]}]})"), "the embedding with index -1 is for no input");
    EXPECT_EQ(problem(R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})", 2),
              "the embedding with index 0 occurs twice");
}

TEST(decode_embeddings, refuses_what_is_no_embedding) {
    for (const char* bad : {R"("====")", R"("AACA")", R"("AACAPw=")", R"("\u00e4")", R"("")", "[]", "null", "{}", "1",
                            "[1,null]", R"([1,"x"])", "[[1]]", "[1e300]"}) {
        EXPECT_EQ(problem(R"({"data":[{"index":0,"embedding":)"s + bad + "}]}"),
                  "the embedding with index 0 cannot be read")
            << bad;
    }
    EXPECT_EQ(problem(R"({"data":[7]})"), "the embedding with index 0 cannot be read");
}

TEST(decode_embeddings, refuses_what_is_no_answer) {
    EXPECT_EQ(problem("{}"), "the response has no list of embeddings");
    EXPECT_EQ(problem(R"({"data":null})"), "the response has no list of embeddings");
    EXPECT_EQ(problem("[]"), "the response is no JSON object");
    for (const char* broken : {"", "<html>", R"({"data":[{"index":0,"embedding":[1)"}) {
        const auto response = decoded(broken);
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error(), errc::decode_failed);
        EXPECT_EQ(response.error().body(), broken);
    }
}

TEST(decode_embeddings, gives_the_errors_of_the_server) {
    const std::string body = R"({"error":{"message":"Too long.","type":"invalid_request_error","param":"input"}})";
    const auto refused = decoded(body, 1, 400);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::bad_request);
    EXPECT_EQ(refused.error().phase(), phase::status);
    EXPECT_EQ(refused.error().text(), "Too long.");
    EXPECT_EQ(refused.error().param(), "input");
    // A gateway that answers 200 all the same.
    const auto hidden = decoded(body, 1, 200);
    ASSERT_FALSE(hidden);
    EXPECT_EQ(hidden.error(), errc::bad_request);
    EXPECT_EQ(hidden.error().text(), "Too long.");
}

}  // namespace

}  // namespace openai_embeddings_tests
