// The form an answer must have: free text, any JSON, or JSON of a schema.
#pragma once

#include <chorus/chat/detail/json_text.hpp>

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace chorus {

/// What `response_format` asks for.
class response_format {
 public:
    enum class kind { text, json_object, json_schema };

    static response_format text() { return response_format(kind::text); }
    /// Any JSON object. The prompt must mention JSON.
    static response_format json_object() { return response_format(kind::json_object); }
    /// JSON of this schema. The name takes letters, digits, `_` and `-`, at most 64.
    template <class Json = nlohmann::json>
    static response_format json_schema(std::string name, const std::type_identity_t<Json>& schema) {
        response_format format(kind::json_schema);
        format.name_ = std::move(name);
        format.schema_ = detail::to_json_text(schema);
        return format;
    }

    /// Asks the server to hold the answer to the schema exactly.
    response_format& strict(bool value = true) & {
        strict_ = value;
        return *this;
    }
    /// Tells the model what the answer is for.
    response_format& description(std::string value) & {
        description_ = std::move(value);
        return *this;
    }
    response_format&& strict(bool value = true) && { return std::move(strict(value)); }
    response_format&& description(std::string value) && { return std::move(description(std::move(value))); }

    response_format::kind type() const noexcept { return kind_; }
    const std::string& name() const noexcept { return name_; }
    const std::string& description() const noexcept { return description_; }
    std::optional<bool> is_strict() const noexcept { return strict_; }
    /// The schema as JSON text; empty if it holds text that is not UTF-8.
    const std::string& schema() const noexcept { return schema_; }

 private:
    explicit response_format(response_format::kind kind) : kind_(kind) {}

    response_format::kind kind_;
    std::optional<bool> strict_;
    std::string name_;
    std::string description_;
    std::string schema_;
};

}  // namespace chorus
