// Checks the arguments of a tool call against a JSON schema, in words that a model can act upon.
#pragma once

#include <chorus/config.hpp>

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace chorus {

/// Tells what is wrong with the arguments that a model wrote: a line for each thing, at most so many, and none if they
/// fit. Each line names its place:
///
///     arguments.city is missing
///     arguments.unit must be one of "C", "F", not "K"
///
/// Of JSON Schema (2020-12) it knows what servers take in a tool: `type`, `properties`, `required`,
/// `additionalProperties`, `enum`, `const`, `items`, `prefixItems`, `minItems`, `maxItems`, `minimum`, `maximum`,
/// `exclusiveMinimum`, `exclusiveMaximum`, `multipleOf`, `minLength`, `maxLength`, `anyOf`, `oneOf`, `allOf`, `$ref`
/// within the schema, schemas that are true or false, and `nullable` of OpenAPI. Everything else is passed over:
/// `pattern` too, because a regular expression on a text of a stranger may take for ever, and `format`.
///
/// Its work is bounded: arguments that fit a schema in too many ways, or are nested too deeply, are told to be too
/// complex. Errors: none; what is wrong with the schema itself checks nothing.
std::vector<std::string> check_arguments(const nlohmann::json& arguments, const nlohmann::json& schema,
                                         std::size_t most = 8);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/argument_check.ipp>
#endif
