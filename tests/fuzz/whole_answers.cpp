// A whole answer, whatever it is, becomes a response or an error, and can be said again.
#include <chorus/provider/anthropic.hpp>
#include <chorus/provider/compatible.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/provider/openai_responses.hpp>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/said_again.hpp"
#include "fuzz/target.hpp"

namespace {

const char* no_environment(const char*) noexcept {
    return nullptr;
}

const std::vector<const chorus::provider*>& all_apis() {
    using namespace chorus;
    static const std::array<std::shared_ptr<const provider>, 4> made = {
        openai(&no_environment).api_key("sk-fuzz").make(),
        compatible("http://h/v1").quirks(openai_quirks().think_tags()).make(),
        openai_responses(openai(&no_environment).api_key("sk-fuzz")),
        anthropic(&no_environment).api_key("sk-fuzz").make(),
    };
    static const std::vector<const provider*> all = {made[0].get(), made[1].get(), made[2].get(), made[3].get()};
    return all;
}

template <class Value>
void check_words(const chorus::result<Value>& outcome) {
    if (outcome) return;
    fuzz::require(chorus::json::is_valid_utf8(outcome.error().message()), "the words of an error are UTF-8");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    constexpr std::array<int, 4> statuses = {200, 400, 429, 529};
    const auto& apis = all_apis();
    const auto* const api = apis[bytes[0] % apis.size()];
    chorus::http::response received;
    received.status = statuses[bytes[0] / 64];
    received.body.assign(reinterpret_cast<const char*>(bytes) + 1, size - 1);

    const auto answer = api->decode(received, {});
    check_words(answer);
    fuzz::require(!answer || received.status == 200, "an error status is an error");
    if (answer) fuzz::check_said_again(apis, *answer);
    check_words(api->decode_embeddings(received, 2, {}));
    check_words(api->decode_models(received, {}));
    check_words(api->decode_model(received, {}));
    check_words(api->decode_moderation(received, {}));
    check_words(api->decode_count_tokens(received, {}));
    return 0;
}
