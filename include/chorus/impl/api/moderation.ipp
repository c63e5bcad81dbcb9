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

CHORUS_DECL const moderation_category* moderation_result::find(std::string_view category) const noexcept {
    for (const auto& each : categories) {
        if (each.name == category) return &each;
    }
    return nullptr;
}
CHORUS_DECL bool moderation_result::is(std::string_view category) const noexcept {
    const moderation_category* const known = find(category);
    return known != nullptr && known->flagged;
}
CHORUS_DECL std::optional<double> moderation_result::score(std::string_view category) const noexcept {
    const moderation_category* const known = find(category);
    return known != nullptr ? known->score : std::nullopt;
}

CHORUS_DECL bool moderation_response::is_flagged() const noexcept {
    for (const auto& each : results_) {
        if (each.flagged) return true;
    }
    return false;
}

}  // namespace chorus
