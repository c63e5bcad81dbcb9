// Writes the body of a request field by field, as the quirks of a server and the `extra` of its user will have it.
#pragma once

#include <chorus/chat/chat_options.hpp>
#include <chorus/error.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/provider/openai_quirks.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace chorus::openai_format::detail {

/// Writes one object. A field that `extra` names is left to it, so that no name occurs twice.
class body_writer {
 public:
    body_writer(const string_pairs& extra, const openai_quirks& quirks) : extra_(extra), quirks_(quirks) {
        out_.begin_object();
    }
    body_writer(const body_writer&) = delete;
    body_writer& operator=(const body_writer&) = delete;

    void reserve(std::size_t bytes) { body_.reserve(bytes); }
    /// Writes the name of a field, for its value to follow; false if it is not to be sent.
    bool begins(std::string_view name) {
        const auto same = [&](const auto& given) { return given.first == name; };
        if (std::any_of(extra_.begin(), extra_.end(), same)) return false;
        if (const openai_quirks::field* const known = quirks_.find(name)) {
            if (known->treatment == openai_quirks::treatment::refuse && refused_.empty()) refused_ = name;
            if (known->treatment != openai_quirks::treatment::rename) return false;
            name = known->to;
        }
        out_.key(name);
        return true;
    }
    template <class Value>
    void field(std::string_view name, const Value& value) {
        if (begins(name)) out_.value(value);
    }
    json::writer& out() noexcept { return out_; }

    /// Closes the object. Errors: `errc::invalid_argument` for a field that the quirks refuse.
    result<std::string> finish() {
        if (!refused_.empty()) {
            error failure(errc::invalid_argument, refused_ + " is something that this server does not take");
            return failure.phase(phase::input).param(refused_);
        }
        for (const auto& [name, json] : extra_) out_.key(name).raw(json);
        out_.end_object();
        return std::move(body_);
    }

 private:
    std::string body_;
    json::writer out_{body_};
    const string_pairs& extra_;
    const openai_quirks& quirks_;
    std::string refused_;
};

}  // namespace chorus::openai_format::detail
