#pragma once

#include <chorus/api/moderation.hpp>

#include <algorithm>

namespace chorus {

CHORUS_DECL moderation_request& moderation_request::model(std::string name) & {
    model_ = std::move(name);
    return *this;
}
CHORUS_DECL moderation_request& moderation_request::text(std::string value) & {
    items_.push_back({item::kind::text, std::move(value)});
    return *this;
}
CHORUS_DECL moderation_request& moderation_request::texts(std::vector<std::string> values) & {
    for (std::string& value : values) text(std::move(value));
    return *this;
}
CHORUS_DECL moderation_request& moderation_request::image(std::string url) & {
    items_.push_back({item::kind::image, std::move(url)});
    return *this;
}
CHORUS_DECL bool moderation_request::has_images() const noexcept {
    return std::any_of(items_.begin(), items_.end(), [](const item& each) { return each.type == item::kind::image; });
}

CHORUS_DECL bool moderation_result::is(std::string_view category) const noexcept {
    return std::any_of(categories.begin(), categories.end(),
                       [&](const auto& each) { return each.second && each.first == category; });
}
CHORUS_DECL std::optional<double> moderation_result::score(std::string_view category) const noexcept {
    const auto same =
        std::find_if(scores.begin(), scores.end(), [&](const auto& each) { return each.first == category; });
    return same == scores.end() ? std::nullopt : std::optional(same->second);
}

struct moderation_response::contents {
    std::string id;
    std::string model;
    std::vector<moderation_result> results;
    http::response received;
};

CHORUS_DECL moderation_response::moderation_response(std::string id, std::string model,
                                                     std::vector<moderation_result> results, http::response received)
    : contents_(std::make_shared<const contents>(
          contents{std::move(id), std::move(model), std::move(results), std::move(received)})) {}

CHORUS_DECL const moderation_response::contents& moderation_response::parts() const noexcept {
    static const contents none;
    return contents_ ? *contents_ : none;
}
CHORUS_DECL const std::vector<moderation_result>& moderation_response::results() const noexcept {
    return parts().results;
}
CHORUS_DECL bool moderation_response::is_flagged() const noexcept {
    return std::any_of(results().begin(), results().end(), [](const auto& each) { return each.flagged; });
}
CHORUS_DECL const std::string& moderation_response::id() const noexcept {
    return parts().id;
}
CHORUS_DECL const std::string& moderation_response::model() const noexcept {
    return parts().model;
}
CHORUS_DECL const http::headers& moderation_response::headers() const noexcept {
    return parts().received.headers;
}
CHORUS_DECL const std::string& moderation_response::raw_text() const noexcept {
    return parts().received.body;
}

}  // namespace chorus
