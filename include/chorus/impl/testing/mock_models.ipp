#pragma once

#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_models.hpp>
#include <chorus/testing/mock_refusal.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chorus::testing {

namespace detail {

constexpr std::string_view mock_model_ids[] = {"mock-model", "mock-model-mini", "mock-model-large", "mock-embedding",
                                               "mock-moderation"};

/// The value of a field of the query, with its escapes (RFC 3986 section 2.1) undone.
CHORUS_DECL std::string query_value(std::string_view target, std::string_view name) {
    const auto mark = target.find('?');
    std::string_view rest = mark == target.npos ? std::string_view() : target.substr(mark + 1);
    while (!rest.empty()) {
        const std::string_view field = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(field.size() + 1, rest.size()));
        if (!field.starts_with(name) || field.substr(name.size(), 1) != "=") continue;
        const std::string_view value = field.substr(name.size() + 1);
        std::string text;
        for (std::size_t at = 0; at < value.size(); ++at) {
            unsigned char byte = 0;
            const char* const digits = value.data() + at + 1;
            const bool escaped = value[at] == '%' && value.size() - at > 2 &&
                                 std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
            text += escaped ? static_cast<char>(byte) : value[at];
            if (escaped) at += 2;
        }
        return text;
    }
    return {};
}

struct mock_page {
    std::span<const std::string_view> ids;
    bool has_more = false;
};

/// The page that the query asks for; none if it asks for what cannot be.
CHORUS_DECL std::optional<mock_page> page_of_models(std::string_view target, std::string_view cursor,
                                                    std::size_t limit) {
    auto first = std::begin(mock_model_ids);
    const auto last = std::end(mock_model_ids);
    if (const std::string after = query_value(target, cursor); !after.empty()) {
        first = std::find(first, last, after);
        if (first == last) return std::nullopt;
        ++first;
    }
    if (const std::string text = query_value(target, "limit"); !text.empty()) {
        const char* const end = text.data() + text.size();
        const auto [stop, failure] = std::from_chars(text.data(), end, limit);
        if (failure != std::errc() || stop != end || limit == 0 || limit > 1000) return std::nullopt;
    }
    const auto rest = static_cast<std::size_t>(last - first);
    return mock_page{{first, std::min(limit, rest)}, limit < rest};
}

CHORUS_DECL void write_model(json::writer& json, std::string_view id) {
    json.begin_object().member("id", id).member("object", "model").member("created", 1'700'000'000);
    json.member("owned_by", "chorus").end_object();
}

CHORUS_DECL void end_page(json::writer& json, const mock_page& page) {
    const auto id_or_null = [&](std::string_view name, bool last) {
        json.key(name);
        page.ids.empty() ? json.null() : json.value(last ? page.ids.back() : page.ids.front());
    };
    json.member("has_more", page.has_more);
    id_or_null("first_id", false);
    id_or_null("last_id", true);
    json.end_object();
}

}  // namespace detail

CHORUS_DECL void answer_models(const mock_request& request, mock_reply& reply) {
    constexpr std::string_view list = "/v1/models";
    const std::string_view path = request.path();
    json::writer json(reply.body);
    if (path != list) {
        const std::string_view id = path.substr(list.size() + 1);
        if (std::find(std::begin(detail::mock_model_ids), std::end(detail::mock_model_ids), id) ==
            std::end(detail::mock_model_ids)) {
            return refuse_as_openai(reply, 404, "The model '" + std::string(id) + "' does not exist", "model_not_found",
                                    "model");
        }
        reply.headers.add("content-type", "application/json");
        return detail::write_model(json, id);
    }
    const auto page = detail::page_of_models(request.target, "after", std::size(detail::mock_model_ids));
    if (!page) return refuse_as_openai(reply, 400, "'after' or 'limit' is invalid");
    reply.headers.add("content-type", "application/json");
    json.begin_object().member("object", "list").key("data").begin_array();
    for (const std::string_view id : page->ids) detail::write_model(json, id);
    json.end_array();
    detail::end_page(json, *page);
}

CHORUS_DECL void answer_anthropic_models(const mock_request& request, mock_reply& reply) {
    reply.headers.add("content-type", "application/json");
    const auto page = detail::page_of_models(request.target, "after_id", 20);
    if (!page) {
        reply.status = 400;
        return append_anthropic_error(reply.body, "after_id or limit is invalid", "invalid_request_error", "req_mock");
    }
    json::writer json(reply.body);
    json.begin_object().key("data").begin_array();
    for (const std::string_view id : page->ids) {
        json.begin_object().member("type", "model").member("id", id).member("display_name", id);
        json.member("created_at", "2023-11-14T22:13:20Z").end_object();
    }
    json.end_array();
    detail::end_page(json, *page);
}

}  // namespace chorus::testing
