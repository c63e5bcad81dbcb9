// Stands before <nlohmann/json.hpp> in the tests, and says of what it is made that support/json.cpp compiles it: each of
// some fifty tests would make all of it again.
#pragma once

#include_next <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <string>
#include <vector>

#ifndef CHORUS_JSON_INSTANCE
#define CHORUS_JSON_INSTANCE extern template
#endif

CHORUS_JSON_INSTANCE class nlohmann::basic_json<>;
CHORUS_JSON_INSTANCE class std::map<std::string, nlohmann::json, std::less<>>;
CHORUS_JSON_INSTANCE class std::vector<nlohmann::json>;

namespace nlohmann::detail {

using from_pointer = iterator_input_adapter<const char*>;
using from_string = iterator_input_adapter<std::string::const_iterator>;
CHORUS_JSON_INSTANCE class serializer<json>;
CHORUS_JSON_INSTANCE class json_sax_dom_parser<json>;
CHORUS_JSON_INSTANCE class json_sax_dom_callback_parser<json>;
CHORUS_JSON_INSTANCE class lexer<json, from_pointer>;
CHORUS_JSON_INSTANCE class lexer<json, from_string>;
CHORUS_JSON_INSTANCE class parser<json, from_pointer>;
CHORUS_JSON_INSTANCE class parser<json, from_string>;

}  // namespace nlohmann::detail
