// A call as a span of OpenTelemetry, and spans as a collector takes them: OTLP in JSON.
#pragma once

#include <chorus/config.hpp>
#include <chorus/observe/observer.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace chorus {

/// A finished span: what one call was, when, and how it ended. The attributes are those of the semantic conventions for
/// generative AI (opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans, of 2026; in development there), and of one's
/// own `chorus.queue_time`, in seconds, where the call waited for limits or connections. No prompt and no answer is among
/// them.
struct span {
    using attribute_value = std::variant<std::string, std::vector<std::string>, std::int64_t, double, bool>;
    using attribute = std::pair<std::string_view, attribute_value>;

    std::array<std::uint8_t, 16> trace_id{};
    std::array<std::uint8_t, 8> span_id{};
    std::string name;  ///< the operation and the model, such as `chat gpt-4o-mini`
    std::chrono::system_clock::time_point start;
    std::chrono::system_clock::time_point end;
    std::vector<attribute> attributes;
    bool has_failed = false;
};

/// Describes a call that ended at this time. The ids are left empty.
span make_span(const call_info& call, const call_end& end, std::chrono::system_clock::time_point ended);

/// The name that the conventions have for a provider, such as `azure.ai.openai` for `azure`; its own if they have none.
std::string_view semantic_provider_name(std::string_view provider) noexcept;

/// Writes the body of an export request (OTLP 1.x, JSON: ids in hexadecimal, 64-bit integers as decimal strings). The
/// resource attributes tell who sends it: `service.name` and what else there is.
std::string to_otlp_json(std::span<const span> spans,
                         std::span<const std::pair<std::string, std::string>> resource_attributes);

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/spans.ipp>
#endif
