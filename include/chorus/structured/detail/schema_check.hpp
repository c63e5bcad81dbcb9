// Checks a JSON value against a schema, and names each place that does not fit.
#pragma once

#include <chorus/config.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace chorus::detail {

/// What does not fit, and where.
struct schema_problem {
    std::string path;  ///< JSONPath (RFC 9535), such as `$.items[2].price`
    std::string text;  ///< such as `must be an integer, not "36"`
};

struct schema_report {
    std::vector<schema_problem> problems;
    bool is_too_complex = false;  ///< the value was not checked to its end
};

/// Tells what of a value does not fit a schema, at most so many things. See `check_arguments` for what it knows of
/// schemas, and for the bounds of its work.
schema_report check_schema(const nlohmann::json& value, const nlohmann::json& schema, std::size_t most = 8);

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/structured/schema_check.ipp>
#endif
