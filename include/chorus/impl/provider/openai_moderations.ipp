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

CHORUS_DECL moderation_result read_moderation(json::reader& in) {
    moderation_result judged;
    in.object([&](std::string_view key) {
        if (key == "flagged") {
            in.read(judged.flagged);
        } else if (key == "categories") {
            in.object([&](std::string_view name) {
                auto& [category, found] = judged.categories.emplace_back(name, false);
                in.read(found);  // null where the model does not know the category
            });
        } else if (key == "category_scores") {
            in.object([&](std::string_view name) {
                std::string category(name);
                if (double score = 0; in.read(score)) judged.scores.emplace_back(std::move(category), score);
            });
        } else if (key == "category_applied_input_types") {
            in.object([&](std::string_view name) {
                auto& types = judged.applied_input_types.emplace_back(name, std::vector<std::string>()).second;
                in.array([&] {
                    if (std::string type; in.read(type)) types.push_back(std::move(type));
                });
            });
        }
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
