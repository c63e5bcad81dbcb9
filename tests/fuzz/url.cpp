// What is accepted as a URL can be put into a request, and is the same URL again when it is written out.
#include <chorus/http/url.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const auto parsed = chorus::http::url::parse({reinterpret_cast<const char*>(bytes), size});
    if (!parsed) {
        fuzz::require(parsed.error() == chorus::errc::invalid_argument, "a refusal says what it is");
        return 0;
    }
    const auto is_visible = [](const std::string& text) {
        return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    };
    const std::string origin = parsed->origin().to_string();
    const std::string target = parsed->target();
    fuzz::require(is_visible(origin) && is_visible(target), "nothing in a URL ends a line or a part of one");
    fuzz::require(!parsed->origin().host.empty() && parsed->origin().port != 0, "an origin can be connected to");
    fuzz::require(target.starts_with('/'), "a target is a path");
    const auto again = chorus::http::url::parse(origin + target);
    fuzz::require(again.has_value(), "what was written out is a URL");
    fuzz::require(again->origin() == parsed->origin() && again->target() == target, "and it is the same one");
    const auto joined = parsed->join("/chat/completions");
    fuzz::require(joined.path().ends_with("/chat/completions") && joined.query() == parsed->query(),
                  "an endpoint is appended to the path and leaves the query");
    return 0;
}
