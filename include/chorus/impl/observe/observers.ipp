#pragma once

#include <chorus/observe/observers.hpp>

namespace chorus {

CHORUS_DECL void observers::on_call(const call_info& call) noexcept {
    for (const auto& one : list_) one->on_call(call);
}

CHORUS_DECL void observers::on_limited(const call_info& call, std::chrono::nanoseconds waited) noexcept {
    for (const auto& one : list_) one->on_limited(call, waited);
}

CHORUS_DECL void observers::on_attempt(const call_info& call, int number) noexcept {
    for (const auto& one : list_) one->on_attempt(call, number);
}

CHORUS_DECL void observers::on_first_byte(const call_info& call, std::chrono::nanoseconds since_sent) noexcept {
    for (const auto& one : list_) one->on_first_byte(call, since_sent);
}

CHORUS_DECL void observers::on_first_token(const call_info& call, std::chrono::nanoseconds since_call) noexcept {
    for (const auto& one : list_) one->on_first_token(call, since_call);
}

CHORUS_DECL void observers::on_retry(const call_info& call, const error& why, std::chrono::milliseconds wait) noexcept {
    for (const auto& one : list_) one->on_retry(call, why, wait);
}

CHORUS_DECL void observers::on_end(const call_info& call, const call_end& end) noexcept {
    for (const auto& one : list_) one->on_end(call, end);
}

CHORUS_DECL void observers::on_connection(connection_event what, const connection_info& connection) noexcept {
    for (const auto& one : list_) one->on_connection(what, connection);
}

CHORUS_DECL void observers::on_server_limit(limit_event what, const limit_info& limit) noexcept {
    for (const auto& one : list_) one->on_server_limit(what, limit);
}

}  // namespace chorus
