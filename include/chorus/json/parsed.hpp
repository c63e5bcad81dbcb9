// JSON from a server as a tree, for callers who want the fields that this library does not know.
#pragma once

#include <chorus/json/text.hpp>

#include <string>
#include <string_view>

namespace chorus::json {

/// Parses a document; null if it is none. Text that is not UTF-8 becomes U+FFFD. A template so that only who asks for
/// the tree compiles a JSON parser.
template <class Json>
Json parsed(std::string_view document) {
    if (document.empty()) return nullptr;
    auto tree = Json::parse(document, nullptr, false);
    if (tree.is_discarded()) {
        const std::string clean = repaired(document);
        tree = Json::parse(std::string_view(clean), nullptr, false);
    }
    return tree.is_discarded() ? Json(nullptr) : tree;
}

}  // namespace chorus::json
