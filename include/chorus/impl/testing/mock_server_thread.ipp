#pragma once

#include <chorus/testing/mock_server_thread.hpp>

namespace chorus::testing {

CHORUS_DECL mock_server_thread::mock_server_thread(mock_options options)
    : server_(std::make_unique<mock_server>(loop_.get_executor(), std::move(options))),
      thread_([this] { loop_.run(); }) {}

CHORUS_DECL mock_server_thread::~mock_server_thread() {
    asio::post(loop_, [this] { server_->stop(); });
    thread_.join();
    server_.reset();
}

CHORUS_DECL mock_counters mock_server_thread::counters() {
    return with([](mock_server& server) { return server.counters(); });
}

CHORUS_DECL std::vector<mock_request> mock_server_thread::requests() {
    return with([](mock_server& server) { return server.requests(); });
}

CHORUS_DECL std::vector<std::string> mock_server_thread::verify() {
    return with([](mock_server& server) { return server.verify(); });
}

}  // namespace chorus::testing
