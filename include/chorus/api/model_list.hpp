// The models that a server has.
#pragma once

#include <chorus/json/parsed.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace chorus {

/// One model. What the server does not say is empty.
struct model_info {
    std::string id;            ///< the name that requests give
    std::string display_name;  ///< the name that people read
    std::string owned_by;
    std::optional<std::chrono::sys_seconds> created;
    std::string raw_text;  ///< the JSON it came as, with the fields that this library does not know

    /// That JSON, parsed on each call: include <nlohmann/json.hpp> and keep the value.
    template <class Json = nlohmann::json>
    Json raw() const {
        return json::parsed<Json>(raw_text);
    }
};

/// A part of a list that comes in parts.
struct model_page {
    std::vector<model_info> models;
    std::string next;  ///< what to ask for the next page with; empty for the last one
};

}  // namespace chorus
