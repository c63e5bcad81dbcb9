// A program of the system as a child of the test, which ends with its object.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chorus::testing_support {

/// The path of a program, or nothing if it is not installed.
inline std::string find_program(const std::string& name) {
    const char* const path = std::getenv("PATH");
    // Debian puts servers where the PATH of an ordinary user may not lead.
    std::string folders = (path == nullptr ? "" : path) + std::string(":/usr/sbin:");
    for (std::size_t end; (end = folders.find(':')) != folders.npos; folders.erase(0, end + 1)) {
        const std::string candidate = folders.substr(0, end) + "/" + name;
        if (end != 0 && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return {};
}

/// A running program, without any variable of the environment.
class child_process {
 public:
    child_process() = default;
    ~child_process() { end(SIGTERM); }
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    /// Starts it in a folder, with these descriptors as its input, and as its output and errors.
    void start(const std::vector<std::string>& words, const std::string& folder, int input, int output) {
        std::vector<const char*> arguments;
        for (const std::string& word : words) arguments.push_back(word.c_str());
        arguments.push_back(nullptr);
        const pid_t parent = ::getpid();
        process_ = ::fork();
        if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
        if (process_ == 0) {
            // Between fork and exec only what is safe in a signal handler.
            ::prctl(PR_SET_PDEATHSIG, SIGTERM);
            if (::getppid() != parent || ::chdir(folder.c_str()) != 0) ::_exit(EXIT_FAILURE);
            ::dup2(input, STDIN_FILENO);
            ::dup2(output, STDOUT_FILENO);
            ::dup2(output, STDERR_FILENO);
            // What others have opened is none of its business: it would keep their pipes and locks alive.
            ::close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
            char* const no_environment[] = {nullptr};
            ::execve(arguments[0], const_cast<char**>(arguments.data()), no_environment);
            ::_exit(EXIT_FAILURE);
        }
    }

    /// Sends it a signal that ends it, and returns when it has ended.
    void end(int signal) noexcept {
        if (process_ <= 0) return;
        ::kill(process_, signal);
        ::waitpid(process_, nullptr, 0);
        process_ = -1;
    }

    /// Whether it has ended by itself.
    bool has_ended() noexcept {
        if (process_ > 0 && ::waitpid(process_, nullptr, WNOHANG) == process_) process_ = -1;
        return process_ <= 0;
    }

 private:
    pid_t process_ = -1;
};

}  // namespace chorus::testing_support
