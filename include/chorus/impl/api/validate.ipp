#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/chat/validate.hpp>
#include <chorus/json/text.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace chorus {

namespace detail {

/// Keeps the first thing that is wrong with a request. Paths of items are made only when one is.
class input_checker {
 public:
    void fail(std::string_view param, std::string_view why) {
        if (failure_) return;
        failure_.emplace(errc::invalid_argument, std::string(param).append(" ").append(why));
        failure_->phase(phase::input).param(std::string(param));
    }
    void fail(std::size_t index, std::string_view why) { fail("input[" + std::to_string(index) + "]", why); }

    void check_text(std::string_view param, std::string_view text) {
        const std::size_t bad = json::find_invalid_utf8(text);
        if (bad != text.npos) fail(param, "is not valid UTF-8 at byte " + std::to_string(bad));
    }
    void check_item(std::size_t index, const std::string& text) {
        if (text.empty()) return fail(index, "is empty");
        if (!json::is_valid_utf8(text)) check_text("input[" + std::to_string(index) + "]", text);
    }
    void check_item(std::size_t index, const token_list& tokens) {
        if (tokens.empty()) fail(index, "is empty");
    }

    void check_call(const call_options& options) {
        if (options.timeout && *options.timeout <= options.timeout->zero()) fail("timeout", "must be positive");
    }
    void check_options(const request_options& options) {
        check_call(options);
        for (const auto& [field, json] : options.extra) {
            if (field.empty()) fail("extra", "has a field without a name");
            check_text("extra", field);
            if (json.empty()) fail("extra." + field, "is not valid UTF-8");
        }
        for (const auto& [name, value] : options.headers) {
            const auto checked = validate_header(name, value, "headers");
            if (!checked && !failure_) failure_ = checked.error();
        }
    }

    result<void> outcome() const {
        if (failure_) return *failure_;
        return {};
    }
    bool failed() const noexcept { return failure_.has_value(); }

 private:
    std::optional<error> failure_;
};

}  // namespace detail

CHORUS_DECL result<void> validate(const embedding_request& request) {
    detail::input_checker checker;
    const auto& inputs = request.inputs();
    if (request.model().empty()) checker.fail("model", "is missing");
    checker.check_text("model", request.model());
    if (inputs.empty()) checker.fail("input", "is empty: add at least one text");
    for (std::size_t i = 0; i < inputs.size() && !checker.failed(); ++i) {
        if (inputs[i].index() != inputs[0].index()) {
            checker.fail(i, "is of another kind than those before it: texts and tokens do not mix");
        }
        std::visit([&](const auto& value) { checker.check_item(i, value); }, inputs[i]);
    }
    if (request.dimensions().value_or(1) < 1) checker.fail("dimensions", "must be at least 1");
    if (request.batch_size().value_or(1) < 1) checker.fail("batch_size", "must be at least 1");
    checker.check_text("user", request.end_user());
    checker.check_options(request.options());
    return checker.outcome();
}

CHORUS_DECL result<void> validate(const moderation_request& request) {
    detail::input_checker checker;
    const auto& items = request.items();
    checker.check_text("model", request.model());
    if (items.empty()) checker.fail("input", "is empty: add at least one text or image");
    for (std::size_t i = 0; i < items.size() && !checker.failed(); ++i) {
        // An empty text is harmless; an image that is nowhere is a mistake.
        if (!items[i].value.empty() || items[i].type == moderation_request::item::kind::image) {
            checker.check_item(i, items[i].value);
        }
    }
    checker.check_options(request.options());
    return checker.outcome();
}

CHORUS_DECL result<void> validate(const call_options& options) {
    detail::input_checker checker;
    checker.check_call(options);
    return checker.outcome();
}

CHORUS_DECL result<void> validate_model_id(const std::string& id) {
    detail::input_checker checker;
    if (id.empty()) checker.fail("model", "is missing");
    return checker.outcome();
}

}  // namespace chorus
