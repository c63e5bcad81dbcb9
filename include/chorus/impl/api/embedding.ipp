#pragma once

#include <chorus/api/embedding.hpp>

#include <iterator>

namespace chorus {

CHORUS_DECL embedding_request& embedding_request::model(std::string name) & {
    model_ = std::move(name);
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::input(std::string text) & {
    inputs_.emplace_back(std::move(text));
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::inputs(std::vector<std::string> texts) & {
    inputs_.insert(inputs_.end(), std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end()));
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::tokens(token_list numbers) & {
    inputs_.emplace_back(std::move(numbers));
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::dimensions(std::int64_t count) & {
    dimensions_ = count;
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::end_user(std::string id) & {
    end_user_ = std::move(id);
    return *this;
}
CHORUS_DECL embedding_request& embedding_request::batch_size(std::size_t inputs) & {
    batch_size_ = inputs;
    return *this;
}

CHORUS_DECL embedding_response& embedding_response::append(embedding_response next) & {
    const auto sum = [](token_count& total, const token_count& more) {
        if (total && more) {
            *total += *more;
        } else {
            total.reset();
        }
    };
    sum(usage_.prompt_tokens, next.usage_.prompt_tokens);
    sum(usage_.total_tokens, next.usage_.total_tokens);
    embeddings_.insert(embeddings_.end(), std::make_move_iterator(next.embeddings_.begin()),
                       std::make_move_iterator(next.embeddings_.end()));
    if (model_.empty()) model_ = std::move(next.model_);
    headers_ = std::move(next.headers_);
    return *this;
}

}  // namespace chorus
