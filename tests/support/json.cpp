// What nlohmann::json is made of, compiled once for all tests (see instead/nlohmann/json.hpp).
#define CHORUS_JSON_INSTANCE template
#include <nlohmann/json.hpp>
