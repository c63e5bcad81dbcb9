// The tables of operations that are cancelled everywhere, and what the rows share.
#pragma once

#include <chorus/chat/chat_response.hpp>
#include <chorus/error.hpp>

#include <span>
#include <string>

#include "cancellation.hpp"

namespace chorus::simulation {

/// What a client does.
std::span<const operation> operations_of_clients();
/// What many calls at once do, and the async kit by itself.
std::span<const operation> operations_of_groups();
/// What several routes, and the gates before a call, do.
std::span<const operation> operations_under_control();
/// What stands around a client: files, spans and recordings.
std::span<const operation> operations_of_surroundings();

/// The error of a reply to `stage::question`, or that it is not the right one.
inline error judged(const result<chat_response>& reply) {
    if (!reply) return reply.error();
    return stage::is_right(*reply) ? error() : wrong(std::string(reply->text()));
}
inline error judged(const chat_response& reply) {
    return stage::is_right(reply) ? error() : wrong(std::string(reply.text()));
}

}  // namespace chorus::simulation
