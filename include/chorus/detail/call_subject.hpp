// What gates and observers are told of a call: taken from its request before that is gone, and from its answer.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/api/model_list.hpp>
#include <chorus/api/moderation.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/policy/token_estimate.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace chorus::detail {

struct call_subject {
    std::string_view operation;  // with static storage
    std::string model;
    policy::token_estimate tokens;
    chorus::priority priority = chorus::priority::normal;
};

inline call_subject subject_of(std::string_view operation, const chat_request& request) {
    return {operation, request.model(), policy::estimate_tokens(request), request.options().priority};
}

inline call_subject subject_of(std::string_view operation, const embedding_request& request) {
    std::size_t tokens = 1;
    for (const auto& input : request.inputs()) {
        const auto* text = std::get_if<std::string>(&input);
        tokens += text != nullptr ? text->size() / 4 : std::get<1>(input).size();
    }
    return {operation, request.model(), {static_cast<std::int64_t>(tokens), 0}, request.options().priority};
}

inline call_subject subject_of(std::string_view operation, const moderation_request& request) {
    return {operation, request.model(), {}, request.options().priority};
}

inline call_subject subject_of(std::string_view operation, const std::string& model, chorus::priority priority) {
    return {operation, model, {}, priority};
}

inline void describe(call_end& end, const chat_response& answer) {
    end.tokens = &answer.usage();
    end.model = answer.model();
    end.finish_reason = answer.finish_reason();
    end.response_id = answer.id();
    end.request_id = answer.request_id();
    end.timing = &answer.timing();
}

inline void describe(call_end& end, const embedding_response& answer) {
    end.tokens = &answer.usage();
    end.model = answer.model();
}

inline void describe(call_end& end, const moderation_response& answer) {
    end.model = answer.model();
    end.response_id = answer.id();
}

template <class Other>
void describe(call_end&, const Other&) {}

}  // namespace chorus::detail
