// An answer goes into the next request of any provider, or is refused before it is sent.
#pragma once

#include <chorus/chat/chat_request.hpp>
#include <chorus/json/text.hpp>
#include <chorus/provider/provider.hpp>

#include <nlohmann/json.hpp>

#include <vector>

#include "fuzz/target.hpp"

namespace fuzz {

/// Fails if a request with the answer is no JSON, or is refused by other than its input.
inline void check_said_again(const std::vector<const chorus::provider*>& apis, const chorus::chat_response& answer) {
    for (const chorus::choice& each : answer.choices()) {
        chorus::chat_request next("m");
        next.user("Why?").add(each.message.to_message());
        for (const chorus::tool_call& call : each.message.tool_calls) next.add(chorus::message::tool(call.id, "42"));
        next.user("And then?");
        for (const auto* api : apis) {
            const auto encoded = api->encode(next);
            if (encoded) {
                require(nlohmann::json::accept(encoded->body), "a request that holds an answer is JSON");
            } else {
                require(encoded.error().phase() == chorus::phase::input,
                        "what cannot be said again is refused as input");
                require(!encoded.error().param().empty(), "a refusal names its field");
            }
        }
    }
}

}  // namespace fuzz
