// A transport that writes down what passes through it, so that it can be played back without a network.
#pragma once

#include <chorus/config.hpp>
#include <chorus/net/transport.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chorus::testing {

/// Passes every request to another transport, and writes the exchange as one line of JSON when it is over: see
/// `to_line` for the form, and `secret_striker` for what is never in it. An exchange that was cancelled is not written;
/// a stream that its reader left is, as far as it was read.
/// Errors: those of the other transport. What the sink throws is dropped.
///
///     auto recorder = chorus::testing::recording_transport::to_file(transport, "chat.jsonl", {my_other_key});
///     chorus::client llm(executor, chorus::openai(), *recorder);
class recording_transport final : public net::transport {
 public:
    /// Takes a line without its end.
    using line_sink = std::function<void(std::string_view)>;

    /// `secrets` are struck out of everything, beside what the requests send as credentials.
    recording_transport(std::shared_ptr<net::transport> next, line_sink sink, std::vector<std::string> secrets = {});

    /// Writes to a file, anew. Errors: `errc::invalid_argument` if it cannot be opened.
    static result<std::shared_ptr<recording_transport>> to_file(std::shared_ptr<net::transport> next,
                                                                const std::string& path,
                                                                std::vector<std::string> secrets = {});

    awaitable<result<void>> send(const http::request& message, const http::limits& caps,
                                 http::response& answer) override;
    awaitable<result<std::unique_ptr<net::incoming_response>>> open(const http::request& message,
                                                                    const http::limits& caps) override;
    net::pool_stats pool_stats() const override { return next_->pool_stats(); }
    awaitable<void> close() override { return next_->close(); }
    void abort() noexcept override { next_->abort(); }

 private:
    struct recording;
    class incoming;

    std::shared_ptr<net::transport> next_;
    std::shared_ptr<recording> recording_;  // shared with the streams, which may outlive the transport
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/recording_transport.ipp>
#endif
