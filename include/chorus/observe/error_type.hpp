// The names of errors as logs, metrics and recordings write them: few, fixed, and the same in every version.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <boost/system/error_code.hpp>

#include <optional>
#include <string_view>

namespace chorus {

/// The name of a code as the program text spells it, such as `rate_limited`; empty if there is none.
std::string_view name_of(errc code) noexcept;

/// The code of that name.
std::optional<errc> errc_named(std::string_view name) noexcept;

/// What an error is counted under: the name of its `errc`, `ok` without an error, `cancelled` for the code that Asio
/// gives a cancelled operation, and `other` for every other code of another library.
std::string_view error_type(const boost::system::error_code& code) noexcept;

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/error_type.ipp>
#endif
