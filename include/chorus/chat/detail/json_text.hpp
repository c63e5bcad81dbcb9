// Turns a JSON value of the caller into text at once, so that requests hold no trees.
#pragma once

#include <chorus/config.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace chorus::detail {

/// The value as JSON text, or an empty text if it holds strings that are not UTF-8: `validate` refuses that later,
/// since setters do not fail.
std::string to_json_text(const nlohmann::json& value);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/chat/json_text.ipp>
#endif
