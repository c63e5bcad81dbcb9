#pragma once

#include <chorus/policy/header_values.hpp>
#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/models_response.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

CHORUS_DECL void read_model_member(json::reader& in, std::string_view key, model_info& out) {
    if (key == "id") {
        in.read(out.id);
    } else if (key == "owned_by") {
        in.read(out.owned_by);
    } else if (key == "display_name" || key == "name") {  // Anthropic; Mistral and OpenRouter
        in.read(out.display_name);
    } else if (key == "created") {  // OpenAI API reference, "The model object": Unix time
        if (std::int64_t seconds = 0; in.read(seconds)) out.created.emplace(std::chrono::seconds(seconds));
    } else if (key == "created_at") {  // Anthropic API reference, "List Models": RFC 3339
        std::string text;
        const auto time = in.read(text) ? policy::parse_rfc3339(text) : std::nullopt;
        if (time) out.created = std::chrono::floor<std::chrono::seconds>(*time);
    }
}

}  // namespace detail

CHORUS_DECL result<model_page> decode_models(http::response received, std::chrono::system_clock::time_point now) {
    model_page page;
    bool has_list = false;
    bool has_more = false;
    const auto read = detail::read_answer(received, now, [&](json::reader& in, std::string_view key) {
        if (key == "data") {
            has_list = in.array([&] {
                model_info model;
                model.raw_text = in.raw();
                json::reader inner(model.raw_text);
                inner.object([&](std::string_view name) { detail::read_model_member(inner, name, model); });
                if (!model.id.empty()) page.models.push_back(std::move(model));
            });
        } else if (key == "has_more") {
            in.read(has_more);
        } else if (key == "last_id") {
            in.read(page.next);
        }
    });
    if (!read) return read.error();
    if (!has_list) return detail::unreadable("the response has no list of models", std::move(received), now);
    if (!has_more) {
        page.next.clear();
    } else if (page.next.empty() && !page.models.empty()) {
        page.next = page.models.back().id;
    }
    return page;
}

CHORUS_DECL result<model_info> decode_model(http::response received, std::chrono::system_clock::time_point now) {
    model_info model;
    const auto read = detail::read_answer(
        received, now, [&](json::reader& in, std::string_view key) { detail::read_model_member(in, key, model); });
    if (!read) return read.error();
    if (model.id.empty()) return detail::unreadable("the response has no id of a model", std::move(received), now);
    model.raw_text = std::move(received.body);
    return model;
}

}  // namespace chorus
