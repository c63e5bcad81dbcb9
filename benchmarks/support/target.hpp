// Where the requests go, and one request there whose answer is checked.
#pragma once

#include <chorus/client.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/mock_options.hpp>
#include <chorus/testing/mock_server.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "options.hpp"
#include "resources.hpp"
#include "server_process.hpp"
#include "tally.hpp"

namespace bench {

/// The server that the command line names, or a mock server started for it. Makes this process the client: on a core of
/// its own, with as many descriptors as it may have.
class target {
 public:
    target(const settings& wanted, std::chrono::milliseconds latency)
        : target(wanted, chorus::testing::mock_options().latency(latency)) {}
    target(const settings& wanted, chorus::testing::mock_options options,
           void (*prepare)(chorus::testing::mock_server&) = nullptr)
        : settings_(wanted) {
        if (wanted.url.empty() && !wanted.ca_file.empty()) throw std::invalid_argument("--ca needs --url");
        if (wanted.url.empty()) server_.emplace(options.http2(wanted.http2), prepare);
        pin_to(core::last);
        raise_descriptor_limit();
    }

    bool is_tls() const { return !settings_.url.starts_with("http://"); }

    chorus::client make_client(const chorus::executor& ex, chorus::client_options options = {}) const {
        chorus::net::tls_options tls;
        chorus::openai api;
        if (server_) {
            tls.ca_pem(server_->ca_pem());
            api.base_url(server_->base_url()).api_key("sk-mock");
        } else {
            if (!settings_.ca_file.empty()) tls.ca_file(settings_.ca_file);
            api.base_url(settings_.url);
        }
        options.tls(tls);
        options.protocol(settings_.http2 ? chorus::http::protocol::http2 : chorus::http::protocol::http1);
        return chorus::client(ex, api, options);
    }

    static std::string prompt(std::size_t index) { return "Question number " + std::to_string(index); }
    chorus::chat_request question(std::size_t index) const {
        return chorus::chat_request(settings_.model).user(prompt(index));
    }

    /// Sends request number `index` and counts what comes back.
    chorus::awaitable<void> ask(chorus::client& llm, std::size_t index, tally& counts) const {
        const auto started = std::chrono::steady_clock::now();
        counts.begin();
        const auto reply = co_await llm.try_complete(question(index));
        if (const std::string problem = problem_of(reply, index); !problem.empty()) {
            counts.fail(problem);
        } else {
            counts.succeed(std::chrono::steady_clock::now() - started);
        }
    }

 private:
    std::string problem_of(const chorus::result<chorus::chat_response>& reply, std::size_t index) const {
        if (!reply) return reply.error().message();
        const std::string asked = prompt(index);
        if (settings_.any_answer ? !reply->text().empty() : reply->text().find(asked) != std::string::npos) return {};
        return "the answer to \"" + asked + "\" is \"" + std::string(reply->text()) + '"';
    }

    const settings& settings_;
    std::optional<server_process> server_;
};

}  // namespace bench
