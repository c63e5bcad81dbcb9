// Streams in the OpenAI format, for tests that need one and do not test the format.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace chorus::testing {

/// One event that brings a text. The text goes into JSON as it is.
inline std::string openai_text_event(std::string_view text) {
    return R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,)"
           R"("delta":{"content":")" +
           std::string(text) + "\"},\"finish_reason\":null}]}\n\n";
}

/// The event that ends the only choice.
inline std::string openai_finish_event(std::string_view reason = "stop") {
    return R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,)"
           R"("delta":{},"finish_reason":")" +
           std::string(reason) + "\"}]}\n\n";
}

inline constexpr std::string_view openai_end = "data: [DONE]\n\n";

/// A whole stream of these texts.
inline std::string openai_stream(std::initializer_list<std::string_view> texts) {
    std::string stream;
    for (const std::string_view text : texts) stream += openai_text_event(text);
    return stream + openai_finish_event() + std::string(openai_end);
}

}  // namespace chorus::testing
