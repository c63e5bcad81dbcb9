#pragma once

#include <chorus/structured/complete_as.hpp>
#include <chorus/text.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::detail {

CHORUS_DECL error answer_failure(error failure, const chat_response& response) {
    failure.phase(phase::decode).http_status(response.http_status());
    failure.request_id(std::string(response.request_id()));
    failure.partial(std::make_shared<const chat_response>(response));
    return failure;
}

CHORUS_DECL result<void> check_answer(const chat_response& response) {
    const auto fail = [&](errc code, std::string text = {}) {
        return answer_failure(error(code, std::move(text)), response);
    };
    if (response.choices().empty()) return fail(errc::no_answer, "there is no choice");
    if (!response.refusal().empty()) return fail(errc::refused_by_model, std::string(response.refusal()));
    const std::string_view reason = response.finish_reason();
    if (reason == finish_reason::length) return fail(errc::cut_off);
    if (reason == finish_reason::content_filter) return fail(errc::content_filtered);
    if (trimmed(response.text()).empty()) {
        return fail(errc::no_answer,
                    reason.empty() ? "the text is empty" : "the text is empty, finish reason " + std::string(reason));
    }
    return {};
}

}  // namespace chorus::detail
