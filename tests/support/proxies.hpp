// Proxies as Debian has them, each a process on loopback that ends with its object.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "child_process.hpp"
#include "scratch_directory.hpp"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chorus::testing_support {

/// A port that is kept for a program that cannot be given a socket: it is bound, and the program, which sets
/// SO_REUSEADDR as servers do, may bind it too and listen.
class reserved_port {
 public:
    reserved_port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (socket_ < 0 || ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
            ::bind(socket_, any, size) != 0 || ::getsockname(socket_, any, &size) != 0) {
            throw std::system_error(errno, std::generic_category(), "a port of loopback");
        }
        number_ = ntohs(address.sin_port);
    }
    ~reserved_port() { ::close(socket_); }
    reserved_port(const reserved_port&) = delete;
    reserved_port& operator=(const reserved_port&) = delete;

    std::uint16_t number() const noexcept { return number_; }

    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        return address;
    }

 private:
    int socket_;
    std::uint16_t number_ = 0;
};

/// A running proxy.
///
/// Executor: every member blocks for moments, and none needs the loop of the test.
class proxy_process {
 public:
    ~proxy_process() {
        process_.end(SIGTERM);
        if (::testing::Test::HasFailure()) std::fputs(log().c_str(), stderr);
    }
    proxy_process(const proxy_process&) = delete;
    proxy_process& operator=(const proxy_process&) = delete;

    /// `127.0.0.1:PORT`
    std::string name() const { return "127.0.0.1:" + std::to_string(port_.number()); }
    /// `SCHEME://[CREDENTIALS@]127.0.0.1:PORT`
    std::string url(const std::string& scheme, const std::string& credentials = {}) const {
        return scheme + "://" + credentials + (credentials.empty() ? "" : "@") + name();
    }
    /// What it has logged: each connection that it was asked for, before it answers.
    std::string log() const {
        std::ifstream in(folder_.path("log"));
        return {std::istreambuf_iterator<char>(in), {}};
    }

 protected:
    proxy_process() = default;

    /// Starts it, with its output in the log, and returns when it takes connections.
    void start(const std::vector<std::string>& words) {
        const int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        const int output = ::open(folder_.path("log").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        process_.start(words, folder_.path(), input, output);
        ::close(input);
        ::close(output);
        for (int attempts = 0; !takes_connections(); ++attempts) {
            if (attempts == 20'000 || process_.has_ended()) {
                throw std::runtime_error(words[0] + " does not start:\n" + log());
            }
            ::poll(nullptr, 0, 1);
        }
    }

    scratch_directory folder_;
    reserved_port port_;

 private:
    bool takes_connections() const {
        const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in address = reserved_port::loopback(port_.number());
        const bool done = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(socket);
        return done;
    }

    child_process process_;
};

/// An HTTP proxy. It opens tunnels by CONNECT, and passes on requests that name an http origin.
class tinyproxy final : public proxy_process {
 public:
    /// With `user` and `password` it asks for them; `directives` are lines of its configuration.
    explicit tinyproxy(const std::string& user = {}, const std::string& password = {},
                       const std::string& directives = {}) {
        std::string text = "Listen 127.0.0.1\nPort " + std::to_string(port_.number()) +
                           "\nTimeout 60\nMaxClients 100\nLogLevel Info\nAllow 127.0.0.1\n" + directives + "\n";
        if (!user.empty()) text += "BasicAuth " + user + " " + password + "\n";
        start({find_program("tinyproxy"), "-d", "-c", folder_.write("tinyproxy.conf", text)});
    }
    static bool is_installed() { return !find_program("tinyproxy").empty(); }
};

/// A SOCKS5 proxy.
class microsocks final : public proxy_process {
 public:
    explicit microsocks(const std::string& user = {}, const std::string& password = {}) {
        std::vector<std::string> words{find_program("microsocks"), "-i", "127.0.0.1", "-p",
                                       std::to_string(port_.number())};
        if (!user.empty()) words.insert(words.end(), {"-u", user, "-P", password});
        start(words);
    }
    static bool is_installed() { return !find_program("microsocks").empty(); }
};

}  // namespace chorus::testing_support
