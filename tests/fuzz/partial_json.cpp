// Whatever has come of a JSON text, what is made of it parses; and the cuts do not show.
#include <chorus/json/partial.hpp>
#include <chorus/json/reader.hpp>

#include <string>
#include <string_view>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    namespace json = chorus::json;
    const fuzz::cut_input input(bytes, size);
    const auto fence = size > 0 && (bytes[0] & 0x80) != 0 ? json::code_fence::tolerated : json::code_fence::refused;
    json::partial whole(fence);
    json::partial cut(fence);
    whole.feed(input.whole());
    input.for_each_piece([&](std::string_view piece) {
        cut.feed(piece);
        fuzz::require(json::is_complete(cut.completed()), "what is made of a part is JSON");
        return true;
    });
    fuzz::require(whole.completed() == cut.completed(), "the result does not depend on the cuts");
    fuzz::require(whole.failed() == cut.failed(), "the failure does not depend on the cuts");
    fuzz::require(whole.is_complete() == cut.is_complete(), "the end does not depend on the cuts");
    return 0;
}
