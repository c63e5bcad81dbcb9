// Which address to try next, and when: RFC 8305 without sockets and without a clock.
#pragma once

#include <chorus/config.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace chorus::policy {

enum class address_family { ipv4, ipv6 };

struct happy_eyeballs_options {
    /// The head start of an attempt over the next one (RFC 8305, 5: 250 ms recommended, between 100 ms and 2 s).
    std::chrono::milliseconds attempt_delay{250};
};

/// Decides in which order and when the addresses of a host are tried. Addresses are known by their index in the list
/// given at first. An attempt starts when the one before it has had its head start, or at once when an attempt fails.
///
///     happy_eyeballs order(families);
///     while (auto index = order.next(now)) start_attempt(*index);
///     wait_until(order.next_at());                     // or until an attempt ends: failed(), succeeded()
class happy_eyeballs {
 public:
    using time_point = std::chrono::steady_clock::time_point;

    /// `families` are those of the addresses, in the order of preference that the resolver gave (RFC 6724: IPv6 first
    /// where this machine has it). The families then take turns, beginning with the first one (RFC 8305, 4).
    explicit happy_eyeballs(std::span<const address_family> families, happy_eyeballs_options options = {});

    /// The address to start an attempt with now, if one is due. Ask until it says none.
    std::optional<std::size_t> next(time_point now);
    /// When the next attempt will be due; none if all have been started, or one has succeeded.
    std::optional<time_point> next_at() const noexcept;

    /// An attempt failed: the next one is due at once.
    void failed() noexcept;
    /// An attempt succeeded: no further one will be due.
    void succeeded() noexcept;

    /// Whether every address was tried and every attempt failed.
    bool is_exhausted() const noexcept;

 private:
    std::chrono::milliseconds attempt_delay_;
    std::vector<std::size_t> order_;
    std::size_t started_ = 0;
    std::size_t failed_ = 0;
    bool has_succeeded_ = false;
    time_point due_ = time_point::min();  // of the next attempt
};

}  // namespace chorus::policy

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/policy/happy_eyeballs.ipp>
#endif
