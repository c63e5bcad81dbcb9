// What a model may ask to be run, and whether it must.
#pragma once

#include <chorus/chat/detail/json_text.hpp>
#include <chorus/chat/tool_call.hpp>

#include <nlohmann/json_fwd.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

/// The description of a tool. Names take letters, digits, `_` and `-`, at most 64.
///
///     auto add = chorus::tool::function("add").description("Adds two numbers.").parameters(schema);
class tool {
 public:
    /// A tool whose arguments are JSON.
    static tool function(std::string name) { return tool(tool_type::function, std::move(name)); }
    /// A tool whose argument is free text (OpenAI).
    static tool custom(std::string name) { return tool(tool_type::custom, std::move(name)); }
    /// A tool that the server runs, or of a kind that this library does not know: its JSON, sent as it is.
    template <class Json = nlohmann::json>
    static tool json(const std::type_identity_t<Json>& definition) {
        tool other({}, {});
        other.definition_ = detail::to_json_text(definition);
        return other;
    }

    /// Tells the model what it is for.
    tool& description(std::string text) & { return set(&tool::description_, std::move(text)); }
    /// The JSON schema of the arguments. Without one the tool takes none.
    template <class Json = nlohmann::json>
    tool& parameters(const std::type_identity_t<Json>& schema) & {
        return set(&tool::parameters_, std::optional(detail::to_json_text(schema)));
    }
    /// Asks the server to hold the arguments to the schema exactly.
    tool& strict(bool value = true) & { return set(&tool::strict_, std::optional(value)); }
    /// Of a custom tool: the grammar of its input; the syntax is lark or regex.
    tool& grammar(std::string syntax, std::string definition) & {
        return set(&tool::grammar_syntax_, std::move(syntax)).set(&tool::grammar_, std::move(definition));
    }
    /// Marks the end of a prefix that the server should cache (Anthropic).
    tool& cache_breakpoint(bool value = true) & { return set(&tool::cache_breakpoint_, value); }

    tool&& description(std::string text) && { return std::move(description(std::move(text))); }
    template <class Json = nlohmann::json>
    tool&& parameters(const std::type_identity_t<Json>& schema) && {
        return std::move(parameters<Json>(schema));
    }
    tool&& strict(bool value = true) && { return std::move(strict(value)); }
    tool&& grammar(std::string syntax, std::string definition) && {
        return std::move(grammar(std::move(syntax), std::move(definition)));
    }
    tool&& cache_breakpoint(bool value = true) && { return std::move(cache_breakpoint(value)); }

    /// `tool_type::function` or `tool_type::custom`; empty for one given as JSON.
    const std::string& type() const noexcept { return type_; }
    const std::string& name() const noexcept { return name_; }
    const std::string& description() const noexcept { return description_; }
    /// JSON text: unset without a schema; empty if it holds text that is not UTF-8.
    const std::optional<std::string>& parameters() const noexcept { return parameters_; }
    std::optional<bool> is_strict() const noexcept { return strict_; }
    const std::string& grammar_syntax() const noexcept { return grammar_syntax_; }
    const std::string& grammar() const noexcept { return grammar_; }
    bool has_cache_breakpoint() const noexcept { return cache_breakpoint_; }
    /// Of one given as JSON: its text.
    const std::optional<std::string>& definition() const noexcept { return definition_; }

 private:
    tool(std::string_view type, std::string name) : type_(type), name_(std::move(name)) {}
    template <class Value>
    tool& set(Value tool::*field, Value value) {
        this->*field = std::move(value);
        return *this;
    }

    std::string type_;
    std::string name_;
    std::string description_;
    std::optional<std::string> parameters_;
    std::optional<bool> strict_;
    std::string grammar_syntax_;
    std::string grammar_;
    bool cache_breakpoint_ = false;
    std::optional<std::string> definition_;
};

/// Whether the model may, must or must not call tools, and which.
class tool_choice {
 public:
    enum class kind { automatic, none, required, one, allowed };

    /// The model decides: what servers do if nothing is said.
    static tool_choice automatic() { return tool_choice(kind::automatic); }
    static tool_choice none() { return tool_choice(kind::none); }
    /// At least one call, of any tool.
    static tool_choice required() { return tool_choice(kind::required); }
    /// A call of this tool.
    static tool_choice function(std::string name) {
        return tool_choice(kind::one, tool_type::function, {std::move(name)});
    }
    static tool_choice custom(std::string name) { return tool_choice(kind::one, tool_type::custom, {std::move(name)}); }
    /// Of the functions of the request only these, of which one must be called if `must`.
    static tool_choice allowed(std::vector<std::string> functions, bool must = false) {
        tool_choice choice(kind::allowed, tool_type::function, std::move(functions));
        choice.must_ = must;
        return choice;
    }

    tool_choice::kind type() const noexcept { return kind_; }
    const std::string& tool_type() const noexcept { return tool_type_; }
    const std::vector<std::string>& names() const noexcept { return names_; }
    bool is_call_required() const noexcept { return must_ || kind_ == kind::required || kind_ == kind::one; }

 private:
    explicit tool_choice(tool_choice::kind kind, std::string_view type = {}, std::vector<std::string> names = {})
        : kind_(kind), tool_type_(type), names_(std::move(names)) {}

    tool_choice::kind kind_;
    std::string tool_type_;
    std::vector<std::string> names_;
    bool must_ = false;
};

}  // namespace chorus
