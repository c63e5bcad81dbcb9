#pragma once

#include <chorus/structured/detail/schema_check.hpp>
#include <chorus/tools/argument_check.hpp>

#include <nlohmann/json.hpp>

#include <utility>

namespace chorus {

CHORUS_DECL std::vector<std::string> check_arguments(const nlohmann::json& arguments, const nlohmann::json& schema,
                                                     std::size_t most) {
    const detail::schema_report report = detail::check_schema(arguments, schema, most);
    if (report.is_too_complex) return {"arguments are too complex to be checked"};
    std::vector<std::string> lines;
    for (const auto& [path, text] : report.problems) {
        std::string line("arguments");
        lines.push_back(std::move(line.append(path, 1).append(" ").append(text)));
    }
    return lines;
}

}  // namespace chorus
