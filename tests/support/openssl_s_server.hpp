// `openssl s_server` as the server of a test: TLS as the test wants it, with a typist at its terminal.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/testing/certificates.hpp>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "child_process.hpp"
#include "scratch_directory.hpp"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chorus::testing_support {

/// A running `openssl s_server`, which serves one connection after the other. With `-WWW` it answers each GET with a
/// file of its folder, over HTTP/1.0 and until it closes; otherwise it prints what it receives, and sends what is typed.
class openssl_s_server {
 public:
    using words = std::vector<std::string>;

    /// Its certificate is one of `authority`, whose own lies beside it as `ca.pem`.
    explicit openssl_s_server(const testing::certificate_authority& authority, const words& options = {}) {
        const testing::certificate shown = authority.issue();
        folder_.write("ca.pem", authority.pem());
        folder_.write("cert.pem", shown.certificate_pem());
        folder_.write("key.pem", shown.private_key_pem());
        // Each message is typed at once, and read as one: a command must stand alone.
        int terminal[2];
        int output[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, terminal) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
            throw std::system_error(errno, std::generic_category(), "a terminal");
        }
        keyboard_ = terminal[0];
        screen_ = output[0];
        words all{
            find_program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"};
        all.insert(all.end(), options.begin(), options.end());
        process_.start(all, folder_.path(), terminal[1], output[1]);
        ::close(terminal[1]);
        ::close(output[1]);
        // "ACCEPT 127.0.0.1:PORT"
        constexpr std::string_view ready = "ACCEPT 127.0.0.1:";
        for (const std::string_view text : {ready, std::string_view("\n")}) {
            while (!has_printed(text)) {
                if (!look()) throw std::runtime_error("openssl s_server does not start:\n" + printed_);
            }
        }
        port_ = static_cast<std::uint16_t>(std::stoul(printed_.substr(printed_.find(ready) + ready.size())));
    }
    ~openssl_s_server() {
        if (::testing::Test::HasFailure()) {
            kill();
            ::fcntl(screen_, F_SETFL, 0);
            while (look()) {
            }
            std::fputs(printed_.c_str(), stderr);
        }
        ::close(keyboard_);
        ::close(screen_);
    }
    openssl_s_server(const openssl_s_server&) = delete;
    openssl_s_server& operator=(const openssl_s_server&) = delete;

    static bool is_installed() { return !find_program("openssl").empty(); }

    /// Serves a file from now on.
    void serve(const std::string& name, const std::string& text) const { folder_.write(name, text); }
    std::uint16_t port() const noexcept { return port_; }
    /// Types a message: it is sent to the client, or obeyed if it is a command (one letter and a line break).
    void type(std::string_view message) const {
        EXPECT_EQ(::send(keyboard_, message.data(), message.size(), MSG_NOSIGNAL), ::ssize_t(message.size()));
    }
    /// Completes when it has printed something, behind what was waited for before.
    awaitable<void> prints(std::string_view text) {
        asio::posix::stream_descriptor screen(co_await asio::this_coro::executor, ::dup(screen_));
        while (!has_printed(text)) {
            co_await screen.async_wait(asio::posix::stream_descriptor::wait_read, use_awaitable);
            if (!look()) throw std::runtime_error("openssl s_server has ended:\n" + printed_);
        }
    }
    /// Ends it in the midst of what it does: its connection ends without a goodbye of TLS.
    void kill() { process_.end(SIGKILL); }

 private:
    bool has_printed(std::string_view text) {
        const std::size_t found = printed_.find(text, seen_);
        if (found == printed_.npos) return false;
        seen_ = found + text.size();
        return true;
    }
    /// Reads what is on the screen; false at its end. It does not block once somebody has waited for it by Asio.
    bool look() {
        char buffer[4096];
        const ::ssize_t size = ::read(screen_, buffer, sizeof buffer);
        if (size > 0) printed_.append(buffer, static_cast<std::size_t>(size));
        return size > 0 || (size < 0 && (errno == EAGAIN || errno == EINTR));
    }

    scratch_directory folder_;
    child_process process_;
    std::string printed_;
    std::size_t seen_ = 0;
    int keyboard_ = -1;
    int screen_ = -1;
    std::uint16_t port_ = 0;
};

}  // namespace chorus::testing_support
