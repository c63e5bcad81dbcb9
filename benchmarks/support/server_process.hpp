// The mock server in a process of its own, so that its CPU time and memory are not the client's.
#pragma once

#include <chorus/testing/mock_server.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "resources.hpp"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

/// Forks a process that serves until this object ends or its own process dies. Made before any thread and any loop.
class server_process {
 public:
    /// `prepare` is called in that process, before the first connection.
    explicit server_process(const chorus::testing::mock_options& options,
                            void (*prepare)(chorus::testing::mock_server&) = nullptr) {
        int ends[2];
        if (pipe(ends) != 0) throw std::runtime_error("no pipe to the mock server");
        const pid_t parent = getpid();
        child_ = fork();
        if (child_ < 0) throw std::runtime_error("no process for the mock server");
        if (child_ == 0) {
            ::close(ends[0]);
            serve(parent, options, prepare, ends[1]);
        }
        ::close(ends[1]);
        std::string words;
        char buffer[4096];
        for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
            words.append(buffer, static_cast<std::size_t>(got));
        }
        ::close(ends[0]);
        const std::size_t line = words.find('\n');
        if (line == std::string::npos) {
            stop();
            throw std::runtime_error("the mock server did not start");
        }
        base_url_ = words.substr(0, line);
        ca_pem_ = words.substr(line + 1);
    }
    ~server_process() { stop(); }
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;

    const std::string& base_url() const noexcept { return base_url_; }
    const std::string& ca_pem() const noexcept { return ca_pem_; }

 private:
    [[noreturn]] static void serve(pid_t parent, const chorus::testing::mock_options& options,
                                   void (*prepare)(chorus::testing::mock_server&), int report) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(EXIT_FAILURE);  // it died before the line above
        ::signal(SIGINT, SIG_IGN);                     // Ctrl-C ends the parent, and the parent ends this process
        try {
            pin_to(core::first);
            raise_descriptor_limit();
            boost::asio::io_context loop(1);
            chorus::testing::mock_server server(loop.get_executor(), options);
            if (prepare != nullptr) prepare(server);
            const std::string words = server.base_url() + '\n' + server.ca_pem();
            if (::write(report, words.data(), words.size()) != static_cast<ssize_t>(words.size())) _exit(EXIT_FAILURE);
            ::close(report);
            loop.run();
        } catch (const std::exception& problem) {
            std::cerr << "mock server: " << problem.what() << std::endl;
        }
        _exit(EXIT_FAILURE);  // the loop has work until somebody kills it
    }

    void stop() noexcept {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }

    pid_t child_ = -1;
    std::string base_url_;
    std::string ca_pem_;
};

}  // namespace bench
