#pragma once

#include <chorus/tools/typed_tool.hpp>

namespace chorus::detail {

CHORUS_DECL error bad_arguments(const error& mismatch) {
    std::string text("arguments");
    text.append(mismatch.param().empty() ? std::string_view() : mismatch.param().substr(1));
    return error(errc::invalid_argument, text.append(": ").append(mismatch.text()));
}

}  // namespace chorus::detail
