// Turns a JSON value of the caller into text at once, so that requests hold no trees.
#pragma once

#include <string>
#include <type_traits>

namespace chorus::detail {

/// The value as JSON text, or an empty text if it holds strings that are not UTF-8: `validate` refuses that later,
/// since setters do not fail. A template so that only who passes JSON values compiles a JSON library.
template <class Json>
std::string to_json_text(const Json& value) {
    try {
        return value.dump();
    } catch (const typename Json::type_error&) {
        return {};
    }
}

}  // namespace chorus::detail
