// nginx as the server of a test: a configuration in a folder of its own, a process that ends with the object.
#pragma once

#include <chorus/testing/certificates.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "scratch_directory.hpp"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chorus::testing_support {

namespace detail {

/// A descriptor that closes itself, and never survives an exec unless told to.
class descriptor {
 public:
    explicit descriptor(int number, const char* what) : number_(number) {
        if (number < 0) throw std::system_error(errno, std::generic_category(), what);
    }
    descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    ~descriptor() { reset(); }
    int get() const noexcept { return number_; }
    void reset() noexcept {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

 private:
    int number_;
};

inline sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// A port on which connections are already accepted, and held by the kernel until somebody takes them.
class listener {
 public:
    listener() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket") {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(socket.get(), any, size) != 0 || ::listen(socket.get(), SOMAXCONN) != 0 ||
            ::getsockname(socket.get(), any, &size) != 0) {
            throw std::system_error(errno, std::generic_category(), "listening on loopback");
        }
        port = ntohs(address.sin_port);
    }

    descriptor socket;
    std::uint16_t port = 0;
};

}  // namespace detail

/// A running nginx: one master, one worker. It inherits sockets that listen already, the way nginx hands them to its
/// own successor, so that no port has to be guessed and no start has to be waited for.
/// Each answer names in headers what served it: `x-protocol`, `x-connection` (a number) and `x-worker` (a process id).
///
/// Executor: every member blocks for moments, and none needs the loop of the test.
///
///     nginx server("ssl http2", "http2_max_concurrent_streams 8;" + nginx::proxy_to(mock.port()));
class nginx {
 public:
    /// `listen` holds parameters of nginx's directive of that name, `directives` what else the server block has.
    /// Throws with what nginx says when it does not start.
    nginx(const std::string& listen, const std::string& directives) : is_tls_(listen.find("ssl") != listen.npos) {
        try {
            configure(listen, directives);
            start();
            worker();  // it serves, or has said why not
        } catch (...) {
            stop();
            throw;
        }
    }
    ~nginx() { stop(); }
    nginx(const nginx&) = delete;
    nginx& operator=(const nginx&) = delete;

    static bool is_installed() { return !program().empty(); }

    /// Directives that pass every request on to a server on loopback that speaks plain HTTP/1.1.
    static std::string proxy_to(std::uint16_t port) {
        return "location / { proxy_http_version 1.1; proxy_set_header Connection ''; proxy_pass http://127.0.0.1:" +
               std::to_string(port) + "; }\n";
    }
    /// Directives that answer every request with a chat completion, without any other server.
    static std::string answering(std::string_view text) {
        return "location / { default_type application/json; return 200 '"
               R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":")" +
               std::string(text) + R"("},"finish_reason":"stop"}]})" + "'; }\n";
    }

    std::string base_url() const {
        return (is_tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(served_.port) + "/v1";
    }
    /// The authority that a client must trust.
    const std::string& ca_pem() const noexcept { return authority_.pem(); }

    /// The process id of a worker that serves now.
    pid_t worker() const { return static_cast<pid_t>(std::stol(ask("/worker"))); }
    /// How many connections clients have open, idle ones included.
    std::size_t open_connections() const {
        // "Active connections: N", and the one that asks is one of them.
        return std::stoul(ask("/status").substr(std::string_view("Active connections: ").size())) - 1;
    }
    /// Starts a new worker and lets the old one end its exchanges: over HTTP/2 it says GOAWAY. Returns at once.
    void reload() const { ::kill(master_, SIGHUP); }
    /// Kills the worker and returns when another one serves.
    void kill_worker() const {
        const pid_t victim = worker();
        ::kill(victim, SIGKILL);
        while (worker_or_none() == victim) {
        }
    }
    /// What nginx has logged.
    std::string log() const {
        std::ifstream in(folder_.path("error.log"));
        return {std::istreambuf_iterator<char>(in), {}};
    }

 private:
    static std::string program() {
        const char* const path = std::getenv("PATH");
        // Debian puts it where the PATH of an ordinary user does not lead.
        std::string folders = (path == nullptr ? "" : path) + std::string(":/usr/sbin:");
        for (std::size_t end; (end = folders.find(':')) != folders.npos; folders.erase(0, end + 1)) {
            const std::string candidate = folders.substr(0, end) + "/nginx";
            if (end != 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
        }
        return {};
    }

    void configure(const std::string& listen, const std::string& directives) const {
        const auto key = authority_.issue();
        folder_.write("server.pem", key.certificate_pem());
        folder_.write("server.key", key.private_key_pem());
        std::ofstream out(folder_.path("nginx.conf"));
        out << "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log error.log notice;\n";
        // As root its worker would become somebody else, who has no right to this folder.
        if (::geteuid() == 0) out << "user root;\n";
        out << "events { worker_connections 1000; }\nhttp {\naccess_log off;\n";
        for (const char* each : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
            out << each << "_temp_path " << each << ";\n";
        }
        out << "server {\nlisten 127.0.0.1:" << control_.port << ";\nkeepalive_timeout 0;\n"
            << "location = /worker { return 200 $pid; }\nlocation = /status { stub_status; }\n}\n";
        out << "server {\nlisten 127.0.0.1:" << served_.port << ' ' << listen << ";\n";
        if (is_tls_) out << "ssl_certificate server.pem;\nssl_certificate_key server.key;\n";
        out << "add_header x-protocol $server_protocol always;\nadd_header x-connection $connection always;\n"
            << "add_header x-worker $pid always;\n"
            << directives << "\n}\n}\n";
        if (!out.flush()) throw std::runtime_error("cannot write the configuration of nginx");
    }

    void start() {
        const std::string binary = program();
        const std::string prefix = folder_.path() + '/';
        const std::string configuration = prefix + "nginx.conf";
        const std::string log = prefix + "error.log";
        const std::string sockets =
            "NGINX=" + std::to_string(served_.socket.get()) + ';' + std::to_string(control_.socket.get()) + ';';
        std::vector<const char*> words = {binary.c_str(),        "-p", prefix.c_str(), "-c",
                                          configuration.c_str(), "-e", log.c_str(),    nullptr};
        std::vector<const char*> environment = {sockets.c_str(), nullptr};
        const detail::descriptor output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), "a log");
        const detail::descriptor input(::open("/dev/null", O_RDONLY | O_CLOEXEC), "no input");
        const pid_t parent = ::getpid();

        master_ = ::fork();
        if (master_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (master_ == 0) {
            // Between fork and exec only what is safe in a signal handler.
            ::prctl(PR_SET_PDEATHSIG, SIGTERM);
            if (::getppid() != parent) ::_exit(EXIT_FAILURE);
            ::dup2(input.get(), STDIN_FILENO);
            ::dup2(output.get(), STDOUT_FILENO);
            ::dup2(output.get(), STDERR_FILENO);
            // What others have opened is none of its business: it would keep their pipes and locks alive.
            ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
            ::fcntl(served_.socket.get(), F_SETFD, 0);
            ::fcntl(control_.socket.get(), F_SETFD, 0);
            ::execve(binary.c_str(), const_cast<char**>(words.data()), const_cast<char**>(environment.data()));
            ::_exit(EXIT_FAILURE);
        }
        // With the last copies in its hands, connections are refused once it is gone.
        served_.socket.reset();
        control_.socket.reset();
    }

    void stop() noexcept {
        if (master_ > 0) {
            ::kill(master_, SIGTERM);
            ::waitpid(master_, nullptr, 0);
        }
        if (::testing::Test::HasFailure()) std::fputs(log().c_str(), stderr);
    }

    /// Asks its other port, which speaks plain HTTP/1.1 and never depends on what is tested.
    std::string ask(const std::string& path) const {
        std::string body = try_to_ask(path);
        if (body.empty()) throw std::runtime_error("nginx does not answer:\n" + log());
        return body;
    }

    std::string try_to_ask(const std::string& path) const {
        const detail::descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
        const timeval patience{20, 0};
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        const sockaddr_in address = detail::loopback(control_.port);
        const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        std::string response;
        if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) != ::ssize_t(request.size())) {
            return {};
        }
        char buffer[1024];
        for (::ssize_t size; (size = ::recv(socket.get(), buffer, sizeof buffer, 0)) > 0;) {
            response.append(buffer, static_cast<std::size_t>(size));
        }
        const std::size_t end_of_head = response.find("\r\n\r\n");
        return end_of_head == response.npos ? std::string() : response.substr(end_of_head + 4);
    }

    /// While a worker dies it may take the question with it.
    pid_t worker_or_none() const {
        const std::string answer = try_to_ask("/worker");
        return answer.empty() ? worker() : static_cast<pid_t>(std::stol(answer));
    }

    bool is_tls_;
    testing::certificate_authority authority_;
    detail::listener served_;
    detail::listener control_;
    scratch_directory folder_;
    pid_t master_ = -1;
};

}  // namespace chorus::testing_support
