// The mock server on a thread of its own, for tests and programs whose own thread blocks.
#pragma once

#include <chorus/config.hpp>
#include <chorus/testing/mock_server.hpp>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus::testing {

/// A `mock_server` with a loop and a thread. Its problems are reported by the destructor, on the thread that destroys
/// it, so that they fail the test that owns it.
///
///     chorus::testing::mock_server_thread server;
///     server.with([](auto& mock) { mock.expect().reply_text("hi"); });
class mock_server_thread {
 public:
    explicit mock_server_thread(mock_options options = {});
    ~mock_server_thread();
    mock_server_thread(const mock_server_thread&) = delete;
    mock_server_thread& operator=(const mock_server_thread&) = delete;

    std::string base_url(std::string_view host = "127.0.0.1") const { return server_->base_url(host); }
    std::uint16_t port() const noexcept { return server_->port(); }
    const std::string& ca_pem() const noexcept { return server_->ca_pem(); }

    /// Calls `function(mock_server&)` on the server's thread, waits for it and returns what it returned or threw.
    template <class Function>
    auto with(Function&& function) {
        using returned = std::invoke_result_t<Function, mock_server&>;
        std::packaged_task<returned()> task([&] { return function(*server_); });
        auto done = task.get_future();
        asio::dispatch(loop_, std::ref(task));
        return done.get();
    }

    mock_counters counters();
    std::vector<mock_request> requests();
    std::vector<std::string> verify();

 private:
    asio::io_context loop_{1};
    std::unique_ptr<mock_server> server_;
    std::thread thread_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_server_thread.ipp>
#endif
