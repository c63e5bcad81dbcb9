// Texts as points in a space where what means the same lies close: what is asked for, and what comes back.
#pragma once

#include <chorus/api/request_options.hpp>
#include <chorus/chat/usage.hpp>
#include <chorus/config.hpp>
#include <chorus/http/headers.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace chorus {

/// The tokens of a text, by their numbers.
using token_list = std::vector<std::int64_t>;

/// A request for embeddings, one for each input. A value: cheap to move. Every setter chains, on named objects and on
/// temporaries. Nothing is checked here: see `validate`.
///
///     auto request = chorus::embedding_request("text-embedding-3-small").input("a cat").input("a kitten");
class embedding_request : public detail::with_request_options<embedding_request> {
 public:
    using self = embedding_request;
    /// A text, or its tokens. Many servers take texts only, and none takes both in one request.
    using item = std::variant<std::string, token_list>;

    embedding_request() = default;
    explicit embedding_request(std::string model) : model_(std::move(model)) {}

    self& model(std::string name) &;
    /// Each of these appends.
    self& input(std::string text) &;
    self& inputs(std::vector<std::string> texts) &;
    self& tokens(token_list numbers) &;

    /// The length of each embedding, for models that can shorten them.
    self& dimensions(std::int64_t count) &;
    /// A stable, anonymous id of the end user, sent as `user`.
    self& end_user(std::string id) &;
    /// How many inputs go into one call, at most; the provider's own limit holds too. More are sent as several calls.
    /// Where `header` sets an `Idempotency-Key` or `X-Client-Request-Id`, each of these has its number behind it, such as
    /// `order-7-1`: they are different requests.
    self& batch_size(std::size_t inputs) &;

    const std::string& model() const noexcept { return model_; }
    const std::vector<item>& inputs() const noexcept { return inputs_; }
    const std::optional<std::int64_t>& dimensions() const noexcept { return dimensions_; }
    const std::string& end_user() const noexcept { return end_user_; }
    const std::optional<std::size_t>& batch_size() const noexcept { return batch_size_; }

    // The forms for temporaries.
    self&& model(std::string name) && { return std::move(model(std::move(name))); }
    self&& input(std::string text) && { return std::move(input(std::move(text))); }
    self&& inputs(std::vector<std::string> texts) && { return std::move(inputs(std::move(texts))); }
    self&& tokens(token_list numbers) && { return std::move(tokens(std::move(numbers))); }
    self&& dimensions(std::int64_t count) && { return std::move(dimensions(count)); }
    self&& end_user(std::string id) && { return std::move(end_user(std::move(id))); }
    self&& batch_size(std::size_t inputs) && { return std::move(batch_size(inputs)); }

 private:
    std::string model_;
    std::vector<item> inputs_;
    std::optional<std::int64_t> dimensions_;
    std::optional<std::size_t> batch_size_;
    std::string end_user_;
};

/// The embeddings of all inputs of a request. A value: move it rather than copy it.
class embedding_response {
 public:
    using embedding = std::vector<float>;

    embedding_response() = default;
    embedding_response(std::string model, std::vector<embedding> embeddings, chorus::usage usage, http::headers headers)
        : model_(std::move(model)), embeddings_(std::move(embeddings)), usage_(usage), headers_(std::move(headers)) {}

    /// One for each input, in their order.
    const std::vector<embedding>& embeddings() const& noexcept { return embeddings_; }
    std::vector<embedding>&& embeddings() && noexcept { return std::move(embeddings_); }
    const embedding& operator[](std::size_t input) const noexcept { return embeddings_[input]; }
    std::size_t size() const noexcept { return embeddings_.size(); }

    const std::string& model() const noexcept { return model_; }
    /// The sum over all calls; a count that one of them left out is left out.
    const chorus::usage& usage() const noexcept { return usage_; }
    /// The headers of the response, of the last call if there were several.
    const http::headers& headers() const noexcept { return headers_; }

    /// Joins what the calls for one request gave: the embeddings of the next inputs behind these.
    embedding_response& append(embedding_response next) &;

 private:
    std::string model_;
    std::vector<embedding> embeddings_;
    chorus::usage usage_;
    http::headers headers_;
};

/// How alike two embeddings are: 1 where they point the same way, 0 where they have nothing in common, -1 where they
/// are opposed. 0 where one has no direction, and where the lengths differ.
inline double cosine_similarity(std::span<const float> left, std::span<const float> right) noexcept {
    if (left.size() != right.size()) return 0;
    double product = 0;
    double left_square = 0;
    double right_square = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        const double x = left[i];
        const double y = right[i];
        product += x * y;
        left_square += x * x;
        right_square += y * y;
    }
    return left_square > 0 && right_square > 0 ? product / std::sqrt(left_square * right_square) : 0;
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/api/embedding.ipp>
#endif
