// A tool that the model asks to be run.
#pragma once

#include <chorus/config.hpp>

#include <string>
#include <string_view>

namespace chorus {

/// The kinds of tools that a program runs itself. A call keeps any other text.
namespace tool_type {
inline constexpr std::string_view function = "function";  ///< arguments are JSON of the tool's schema
inline constexpr std::string_view custom = "custom";      ///< arguments are free text
}  // namespace tool_type

/// One call. The model writes the arguments: they may be no valid JSON, or not of the schema.
struct tool_call {
    std::string id;  ///< names the call in the message that answers it
    std::string type = std::string(tool_type::function);
    std::string name;
    std::string arguments;  ///< JSON text of a function, empty for none; the input of a custom tool
    std::string extra;      ///< members that the server wants back with the call, as a JSON object; else empty

    /// Whether the arguments are what the type says: of a function a whole JSON object, or nothing; of another type any
    /// text. False where the model wrote no JSON, or was cut off in the middle of it. The schema is not looked at.
    bool has_valid_arguments() const noexcept;

    bool operator==(const tool_call&) const = default;
};

/// Makes an id for a call that came without one. No two are the same, not even in two programs.
std::string make_tool_call_id();

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/tool_call.ipp>
#endif
