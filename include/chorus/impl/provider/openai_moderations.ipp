#pragma once

#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/detail/body_writer.hpp>
#include <chorus/provider/openai_moderations.hpp>

#include <string_view>
#include <utility>
#include <vector>

namespace chorus::openai_format {

namespace detail {

CHORUS_DECL void write_moderated(json::writer& out, const moderation_request::item& item, bool as_part) {
    if (!as_part) {
        out.value(item.value);
    } else if (item.type == moderation_request::item::kind::text) {
        out.begin_object().member("type", "text").member("text", item.value).end_object();
    } else {
        out.begin_object().member("type", "image_url").key("image_url").begin_object();
        out.member("url", item.value).end_object().end_object();
    }
}

/// Far more than there are: each is looked for among the others.
inline constexpr std::size_t most_categories = 1000;

/// The category of that name, which one of three objects may be the first to mention. Null where there are too many.
CHORUS_DECL moderation_category* category_of(moderation_result& judged, std::string_view name) {
    for (auto& known : judged.categories) {
        if (known.name == name) return &known;
    }
    if (judged.categories.size() == most_categories) return nullptr;
    judged.categories.emplace_back();
    judged.categories.back().name = name;
    return &judged.categories.back();
}

CHORUS_DECL moderation_result read_moderation(json::reader& in) {
    moderation_result judged;
    in.object([&](std::string_view key) {
        if (key == "flagged") {
            in.read(judged.flagged);
            return;
        }
        const bool is_found = key == "categories";
        const bool is_score = key == "category_scores";
        if (!is_found && !is_score && key != "category_applied_input_types") return;
        in.object([&](std::string_view name) {
            moderation_category* const category = category_of(judged, name);
            if (category == nullptr) return;
            if (is_found) {
                in.read(category->flagged);  // null where the model does not know the category
            } else if (is_score) {
                if (double score = 0; in.read(score)) category->score = score;
            } else {
                in.array([&] {
                    if (std::string type; in.read(type)) category->applied_input_types.push_back(std::move(type));
                });
            }
        });
    });
    return judged;
}

}  // namespace detail

CHORUS_DECL result<std::string> encode_moderation(const moderation_request& request, const openai_quirks& quirks) {
    detail::body_writer body(request.options().extra, quirks);
    if (!request.model().empty()) body.field("model", request.model());
    if (body.begins("input")) {
        body.out().begin_array();
        for (const auto& item : request.items()) detail::write_moderated(body.out(), item, request.has_images());
        body.out().end_array();
    }
    return body.finish();
}

CHORUS_DECL result<moderation_response> decode_moderation(http::response received,
                                                          std::chrono::system_clock::time_point now) {
    std::string id;
    std::string model;
    std::vector<moderation_result> results;
    bool has_results = false;
    const auto read = chorus::detail::read_answer(received, now, [&](json::reader& in, std::string_view key) {
        if (key == "results") {
            has_results = in.array([&] { results.push_back(detail::read_moderation(in)); });
        } else if (key == "id") {
            in.read(id);
        } else if (key == "model") {
            in.read(model);
        }
    });
    if (!read) return read.error();
    if (!has_results) {
        return chorus::detail::unreadable("the response has no list of results", std::move(received), now);
    }
    return moderation_response(std::move(id), std::move(model), std::move(results), std::move(received));
}

}  // namespace chorus::openai_format
