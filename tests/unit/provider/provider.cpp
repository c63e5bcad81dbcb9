// Contracts of a provider that has nothing but chat.
#include <chorus/provider/provider.hpp>

#include <gtest/gtest.h>

#include <string>

namespace provider_tests {

namespace {

using namespace chorus;

class chat_only final : public provider {
 public:
    std::string_view name() const noexcept override { return "plain"; }
    result<http::request> encode(const chat_request&) const override { return http::request(); }
    result<chat_response> decode(http::response, std::chrono::system_clock::time_point) const override {
        return chat_response();
    }
};

template <class Value>
std::string refusal(const result<Value>& outcome) {
    if (outcome) return "";
    EXPECT_EQ(outcome.error(), errc::invalid_argument);
    EXPECT_EQ(outcome.error().phase(), phase::input);
    return std::string(outcome.error().text()) + " (" + std::string(outcome.error().param()) + ")";
}

TEST(provider, refuses_what_its_api_has_not_by_name) {
    const chat_only api;
    std::size_t next = 0;
    EXPECT_EQ(refusal(api.encode_stream({})), "plain does not stream (stream)");
    EXPECT_EQ(refusal(api.encode_embeddings({}, next)), "plain has no embeddings (embeddings)");
    EXPECT_EQ(refusal(api.encode_models("")), "plain has no list of models (models)");
    EXPECT_EQ(refusal(api.encode_model("m")), "plain has no list of models (models)");
    EXPECT_EQ(refusal(api.encode_moderation({})), "plain has no moderation (moderation)");
    EXPECT_EQ(refusal(api.encode_count_tokens({})), "plain has no counting of tokens (count_tokens)");
}

TEST(provider, refuses_answers_to_what_it_cannot_ask) {
    const chat_only api;
    EXPECT_NE(refusal(api.decode_embeddings({}, 1, {})), "");
    EXPECT_NE(refusal(api.decode_models({}, {})), "");
    EXPECT_NE(refusal(api.decode_model({}, {})), "");
    EXPECT_NE(refusal(api.decode_moderation({}, {})), "");
    EXPECT_NE(refusal(api.decode_count_tokens({}, {})), "");
    EXPECT_EQ(api.make_stream_decoder(), nullptr);
}

}  // namespace

}  // namespace provider_tests
