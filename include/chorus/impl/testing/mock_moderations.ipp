#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_moderations.hpp>
#include <chorus/testing/mock_refusal.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::testing {

namespace detail {

// OpenAI API reference, "Moderations".
constexpr std::string_view mock_categories[] = {"harassment",
                                                "harassment/threatening",
                                                "hate",
                                                "hate/threatening",
                                                "illicit",
                                                "illicit/violent",
                                                "self-harm",
                                                "self-harm/intent",
                                                "sexual",
                                                "sexual/minors",
                                                "violence",
                                                "violence/graphic",
                                                "self-harm/instructions"};

/// What gets one result.
struct mock_moderated {
    std::string text;
    bool has_image = false;

    bool names(std::string_view category) const {
        const auto slash = category.find('/');
        const auto has = [&](std::string_view word) { return text.find(word) != std::string::npos; };
        return has(category.substr(0, slash)) && (slash == category.npos || has(category.substr(slash + 1)));
    }
};

CHORUS_DECL void read_part(json::reader& in, mock_moderated& into) {
    in.object([&](std::string_view key) {
        if (key == "image_url") into.has_image = true;
        if (std::string text; key == "text" && in.read(text)) into.text += text;
    });
}

CHORUS_DECL std::vector<mock_moderated> read_moderated(json::reader& in) {
    std::vector<mock_moderated> all;
    mock_moderated parts;
    bool has_parts = false;
    const auto read_one = [&] {
        if (in.peek() == json::kind::object) {
            read_part(in, parts);
            has_parts = true;
        } else if (mock_moderated one; in.read(one.text)) {
            all.push_back(std::move(one));
        }
    };
    if (in.peek() == json::kind::array) {
        in.array(read_one);
    } else {
        read_one();
    }
    if (has_parts) all.push_back(std::move(parts));
    for (mock_moderated& each : all) each.text = chorus::detail::to_lower(each.text);
    return all;
}

CHORUS_DECL void write_moderation(json::writer& json, const mock_moderated& one) {
    const auto each_category = [&](std::string_view name, auto&& write) {
        json.key(name).begin_object();
        for (const std::string_view category : mock_categories) write(json.key(category), one.names(category));
        json.end_object();
    };
    const bool flagged = std::any_of(std::begin(mock_categories), std::end(mock_categories),
                                     [&](std::string_view category) { return one.names(category); });
    json.begin_object().member("flagged", flagged);
    each_category("categories", [](json::writer& out, bool named) { out.value(named); });
    each_category("category_scores", [](json::writer& out, bool named) { out.value(named ? 0.99 : 0.001); });
    each_category("category_applied_input_types",
                  [&](json::writer& out, bool) { out.raw(one.has_image ? R"(["text","image"])" : R"(["text"])"); });
    json.end_object();
}

}  // namespace detail

CHORUS_DECL void answer_moderations(const mock_request& request, mock_reply& reply) {
    std::string model = "omni-moderation-latest";
    std::vector<detail::mock_moderated> inputs;
    json::reader in(request.body);
    const bool is_object = in.object([&](std::string_view key) {
        if (key == "model") in.read(model);
        if (key == "input") inputs = detail::read_moderated(in);
    });
    if (!in.finish() || !is_object) {
        return refuse_as_openai(reply, 400, "We could not parse the JSON body of your request.");
    }
    if (inputs.empty()) return refuse_as_openai(reply, 400, "'input' is required", {}, "input");
    reply.headers.add("content-type", "application/json");
    json::writer json(reply.body);
    json.begin_object().member("id", "modr-mock").member("model", model).key("results").begin_array();
    for (const detail::mock_moderated& each : inputs) detail::write_moderation(json, each);
    json.end_array().end_object();
}

}  // namespace chorus::testing
