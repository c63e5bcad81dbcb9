#pragma once

#include <chorus/structured/complete_as.hpp>
#include <chorus/structured/detail/schema_check.hpp>
#include <chorus/text.hpp>

#include <nlohmann/json.hpp>

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

/// The words of OpenAI, of Mistral for the context of the model being full, and of Anthropic for the same.
CHORUS_DECL bool is_cut_off(std::string_view reason) noexcept {
    return reason == finish_reason::length || reason == "model_length" || reason == "model_context_window_exceeded";
}

CHORUS_DECL result<void> check_answer(const chat_response& response) {
    const auto fail = [&](errc code, std::string text = {}) {
        return answer_failure(error(code, std::move(text)), response);
    };
    if (response.choices().empty()) return fail(errc::no_answer, "there is no choice");
    if (!response.refusal().empty()) return fail(errc::refused_by_model, std::string(response.refusal()));
    const std::string_view reason = response.finish_reason();
    if (is_cut_off(reason)) return fail(errc::cut_off);
    if (reason == finish_reason::content_filter) return fail(errc::content_filtered);
    if (trimmed(response.text()).empty()) {
        return fail(errc::no_answer,
                    reason.empty() ? "the text is empty" : "the text is empty, finish reason " + std::string(reason));
    }
    return {};
}

CHORUS_DECL answer_form<nlohmann::json>::answer_form(const response_format& wanted) : schema_(wanted.schema()) {}

CHORUS_DECL answer_form<nlohmann::json>::answer_form(chat_request& request) {
    if (!request.options().response_format) request.response_format(response_format::json_object());
    schema_ = request.options().response_format->schema();
}

CHORUS_DECL error unfit(const schema_report& report) {
    std::string path("$");
    std::string text("the answer is too complex to be checked");
    if (!report.is_too_complex) {
        path = report.problems.front().path;
        text = report.problems.front().text;
        for (std::size_t i = 1; i != report.problems.size(); ++i) {
            text.append("; ").append(report.problems[i].path).append(" ").append(report.problems[i].text);
        }
    }
    error failure(errc::schema_mismatch, std::move(text));
    return failure.phase(phase::decode).param(std::move(path));
}

CHORUS_DECL result<nlohmann::json> answer_form<nlohmann::json>::read(std::string_view text) const {
    nlohmann::json value;
    if (auto sound = parse_fenced(text, value); !sound) return sound.error();
    if (schema_.empty()) return value;
    const schema_report report = check_schema(value, nlohmann::json::parse(schema_, nullptr, false));
    if (report.is_too_complex || !report.problems.empty()) return unfit(report);
    return value;
}

CHORUS_DECL result<nlohmann::json> answer_form<nlohmann::json>::read_part(std::string_view text) const {
    nlohmann::json value;
    if (auto sound = parse_fenced(text, value); !sound) return sound.error();
    return value;
}

}  // namespace chorus::detail
