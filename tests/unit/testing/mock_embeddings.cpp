#include <chorus/testing/mock_embeddings.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace mock_embeddings_tests {

namespace {

using namespace chorus::testing;
using nlohmann::json;

mock_reply answer(std::string body) {
    mock_request request;
    request.body = std::move(body);
    mock_reply reply;
    answer_embeddings(request, reply);
    return reply;
}

double product(const std::vector<float>& left, const std::vector<float>& right) {
    double sum = 0;
    for (std::size_t i = 0; i < left.size(); ++i) sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
    return sum;
}

// RFC 4648, for texts that are valid.
std::string decoded(const std::string& text) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string bytes;
    unsigned bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6U | static_cast<unsigned>(digits.find(c));
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 255U);
    }
    return bytes;
}

TEST(mock_embeddings, a_vector_has_length_one_and_is_the_same_each_time) {
    for (const char* text : {"a", "the cat sat on the mat", "...", "\xc3\xa4"}) {
        const std::vector<float> vector = mock_embedding(text);
        EXPECT_EQ(vector.size(), 256u);
        EXPECT_NEAR(product(vector, vector), 1, 1e-5);
        EXPECT_EQ(vector, mock_embedding(text));
    }
    EXPECT_EQ(mock_embedding("Cat, dog!"), mock_embedding("cat dog"));
}

TEST(mock_embeddings, texts_that_share_words_are_more_alike_than_others) {
    const auto cat = mock_embedding("the cat sat on the mat");
    EXPECT_GT(product(cat, mock_embedding("the cat lay on the mat")), 0.6);
    EXPECT_LT(std::abs(product(cat, mock_embedding("quarterly revenue grew"))), 0.3);
}

TEST(mock_embeddings, answers_each_input_in_order_with_the_usage) {
    const mock_reply reply = answer(R"({"model":"m","input":["one two","three"]})");
    EXPECT_EQ(reply.status, 200);
    const json body = json::parse(reply.body);
    EXPECT_EQ(body["object"], "list");
    EXPECT_EQ(body["model"], "m");
    EXPECT_EQ(body["usage"]["prompt_tokens"], 4);
    EXPECT_EQ(body["usage"]["total_tokens"], 4);
    ASSERT_EQ(body["data"].size(), 2u);
    EXPECT_EQ(body["data"][1]["index"], 1);
    EXPECT_EQ(body["data"][0]["embedding"].get<std::vector<float>>(), mock_embedding("one two"));
    EXPECT_EQ(body["data"][1]["embedding"].get<std::vector<float>>(), mock_embedding("three"));
}

TEST(mock_embeddings, base64_is_the_same_vector_in_little_endian_floats) {
    for (const std::size_t dimensions : {1u, 2u, 3u, 256u}) {
        const json request = {
            {"model", "m"}, {"input", "a"}, {"encoding_format", "base64"}, {"dimensions", dimensions}};
        const json body = json::parse(answer(request.dump()).body);
        const std::string bytes = decoded(body["data"][0]["embedding"]);
        const std::vector<float> wanted = mock_embedding("a", dimensions);
        ASSERT_EQ(bytes.size(), dimensions * 4);
        for (std::size_t i = 0; i < dimensions; ++i) {
            std::uint32_t bits = 0;
            for (std::size_t k = 4; k-- > 0;) bits = bits << 8U | static_cast<unsigned char>(bytes[i * 4 + k]);
            float value = 0;
            std::memcpy(&value, &bits, sizeof value);
            EXPECT_EQ(value, wanted[i]);
        }
    }
}

TEST(mock_embeddings, takes_tokens_too) {
    using list = std::vector<std::vector<float>>;
    const auto vectors = [](const char* input) {
        list all;
        const json body = json::parse(answer(std::string(R"({"model":"m","input":)") + input + "}").body);
        for (const json& each : body["data"]) all.push_back(each["embedding"]);
        return all;
    };
    EXPECT_EQ(vectors("[1,2]"), (list{mock_embedding("1 2")}));
    EXPECT_EQ(vectors("[[1,2],[3]]"), (list{mock_embedding("1 2"), mock_embedding("3")}));
}

TEST(mock_embeddings, refuses_what_openai_refuses) {
    const json too_many = {{"model", "m"}, {"input", std::vector<std::string>(2049, "a")}};
    const std::pair<std::string, json> cases[] = {
        {"{", nullptr},
        {R"({"input":"a"})", "model"},
        {R"({"model":"m"})", "input"},
        {R"({"model":"m","input":[]})", "input"},
        {R"({"model":"m","input":["a",""]})", "input"},
        {too_many.dump(), "input"},
        {R"({"model":"m","input":"a","dimensions":0})", "dimensions"},
    };
    for (const auto& [body, param] : cases) {
        const mock_reply reply = answer(body);
        EXPECT_EQ(reply.status, 400);
        EXPECT_EQ(json::parse(reply.body)["error"]["param"], param);
    }
}

}  // namespace

}  // namespace mock_embeddings_tests
