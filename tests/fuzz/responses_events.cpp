// A stream in the format of OpenAI's Responses API means the same however it is cut.
#include <chorus/provider/openai_responses.hpp>

#include "fuzz/chat_events.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const auto no_environment = [](const char*) -> const char* { return nullptr; };
    static const auto api = chorus::openai_responses(chorus::openai(+no_environment).api_key("sk-fuzz"));
    fuzz::check_chat_events(*api, bytes, size);
    return 0;
}
