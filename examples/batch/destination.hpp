// Where the prompts go.
#pragma once

#include <chorus/net/tls_context.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <iostream>
#include <memory>
#include <stdexcept>

#include "options.hpp"

namespace batch {

/// Where the prompts go, and whom to trust there.
struct destination {
    std::unique_ptr<chorus::testing::mock_server_thread> mock;
    chorus::openai api;
    chorus::net::tls_options tls;
};

/// Throws `std::invalid_argument` for what no call could be sent with.
inline destination find_destination(const options& wanted) {
    destination found;
    if (wanted.mock_latency) {
        found.mock = std::make_unique<chorus::testing::mock_server_thread>(
            chorus::testing::mock_options().latency(*wanted.mock_latency));
        found.api.base_url(found.mock->base_url()).api_key("");
        found.tls.ca_pem(found.mock->ca_pem());
        std::cerr
            << "No real model is asked: a mock server in this program (on a thread of its own, over TLS) answers after "
            << wanted.mock_latency->count() << " ms.\n";
    }
    if (!wanted.base_url.empty()) found.api.base_url(wanted.base_url);
    if (!wanted.ca_file.empty()) found.tls.ca_file(wanted.ca_file);
    if (const auto sendable = found.api.check(); !sendable) throw std::invalid_argument(sendable.error().message());
    if (const auto usable = chorus::net::tls_context::client(found.tls); !usable)
        throw std::invalid_argument(usable.error().message());
    return found;
}

}  // namespace batch
