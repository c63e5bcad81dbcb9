// A transport that plays a recording back: the same answers to the same requests, without a network.
#pragma once

#include <chorus/config.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/testing/recorded_exchange.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::testing {

struct replay_options {
    /// The words that were struck out of the recording: they are struck out of requests before these are compared.
    std::vector<std::string> secrets;
    /// Lets the caller wait as long as he did when it was recorded, by the clock of his loop. Otherwise nothing waits.
    bool original_timing = false;
};

/// Answers each request with the first recorded exchange of the same method, target and body that was not played yet; a
/// stream comes in the pieces in which it was recorded, and a failure fails again. Fields and the server are not
/// compared.
/// Errors: `errc::invalid_argument` in `phase::input` for a request that nothing is left for; the text tells how it
/// differs from the exchange that comes nearest.
///
///     auto recorded = chorus::testing::replaying_transport::load("chat.jsonl");
///     chorus::client llm(executor, chorus::openai().api_key("any"), *recorded);
class replaying_transport final : public net::transport {
 public:
    /// Reads the lines of a recording. Errors: `errc::decode_failed`, with the number of the line.
    static result<std::shared_ptr<replaying_transport>> parse(std::string_view lines, replay_options options = {});
    /// Reads a file. Errors: as `parse`; `errc::invalid_argument` if it cannot be read.
    static result<std::shared_ptr<replaying_transport>> load(const std::string& path, replay_options options = {});

    /// How many exchanges were not played yet.
    std::size_t left() const noexcept { return left_; }

    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& answer) override;
    awaitable<result<std::unique_ptr<net::incoming_response>>> open(const http::request& message,
                                                                    const http::limits& caps) override;
    awaitable<void> close() override;
    void abort() noexcept override { is_closed_ = true; }

 private:
    class incoming;
    struct track {  // the exchanges of equal requests
        std::vector<std::shared_ptr<const recorded_exchange>> exchanges;
        std::size_t played = 0;
    };

    replaying_transport(std::vector<recorded_exchange> exchanges, replay_options options);
    result<std::shared_ptr<const recorded_exchange>> take(const http::request& message);
    error mismatch(const http::request& struck, const track* same) const;
    awaitable<result<std::shared_ptr<const recorded_exchange>>> take_in_time(const http::request& message,
                                                                             const http::limits& caps);

    secret_striker striker_;
    bool has_original_timing_;
    bool is_closed_ = false;
    std::size_t left_;
    std::map<std::string, track> tracks_;  // by what is compared
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/replaying_transport.ipp>
#endif
