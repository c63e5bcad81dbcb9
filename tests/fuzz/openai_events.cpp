// A stream in the OpenAI format means the same however it is cut.
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai.hpp>

#include "fuzz/chat_events.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    static const auto no_environment = [](const char*) -> const char* { return nullptr; };
    static const auto api = chorus::openai(+no_environment).api_key("sk-fuzz").make();
    static const auto tagged = chorus::compatible("http://localhost/v1", chorus::openai_quirks().think_tags()).make();
    fuzz::check_chat_events(*api, bytes, size);
    fuzz::check_chat_events(*tagged, bytes, size);
    return 0;
}
