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

    bool operator==(const tool_call&) const = default;
};

/// Makes an id for a call that came without one; no two are the same in one program.
std::string make_tool_call_id();

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/tool_call.ipp>
#endif
