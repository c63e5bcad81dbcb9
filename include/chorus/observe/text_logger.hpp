// One line of text for each thing that happens, fit to be kept: no prompt, no answer, no key.
#pragma once

#include <chorus/config.hpp>
#include <chorus/observe/observer.hpp>

#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus {

/// How much a logger says. Each level says what those before it do.
enum class log_level {
    none,
    errors,      ///< Calls that failed, retries, connections that could not be made, pauses, circuits that opened.
    calls,       ///< How every call ended.
    everything,  ///< Every notification.
};

/// Reads a level as `CHORUS_LOG` names it: `none` or `off`, `errors` or `error`, `calls` or `info`, `everything` or
/// `debug`, in any case.
std::optional<log_level> log_level_named(std::string_view name);

/// Writes one line an event to a sink: the number of the call, operation, provider and model, then words and pairs
/// `name=value`.
///
///     call 7 chat openai gpt-4o-mini ok total_ms=812.4 attempts=1 tokens_in=12 tokens_out=340 request_id="req_1"
///     call 8 chat openai gpt-4o-mini failed error=rate_limited phase=status status=429 code=rate_limit_exceeded ...
///
/// No prompt, answer, header or body is in it: of a URL scheme, host and port; of an error neither text nor body, but
/// its `errc`, phase and status, its type and code if they are words, and the reason that DNS, connecting or TLS gives,
/// with what looks like a key struck out. Models, finish reasons and request ids are written as program and server name
/// them: control characters and what is not UTF-8 escaped, long ones cut, so that one event is one line.
/// Errors: what the sink throws is dropped.
class text_logger final : public observer {
 public:
    /// Takes a line without its end.
    using line_sink = std::function<void(std::string_view)>;

    explicit text_logger(line_sink sink, log_level level = log_level::calls);
    /// Writes to a file, each line with its end in one piece. Lifetimes: the file outlives the logger.
    explicit text_logger(std::FILE* file, log_level level = log_level::calls);

    /// A logger as the variable `CHORUS_LOG` asks for; null if it is unset, empty or `none`. A word that is no level
    /// gives a logger of `log_level::calls` that says so in its first line. Nothing else reads the environment.
    ///
    ///     options.observer(chorus::text_logger::from_environment(&chorus::process_environment, stderr));
    static std::shared_ptr<text_logger> from_environment(const char* (*variables)(const char* name), line_sink sink);
    static std::shared_ptr<text_logger> from_environment(const char* (*variables)(const char* name), std::FILE* file);

    log_level level() const noexcept { return level_; }

    void on_call(const call_info& call) noexcept override;
    void on_limited(const call_info& call, std::chrono::nanoseconds waited) noexcept override;
    void on_attempt(const call_info& call, int number) noexcept override;
    void on_first_byte(const call_info& call, std::chrono::nanoseconds since_sent) noexcept override;
    void on_first_token(const call_info& call, std::chrono::nanoseconds since_call) noexcept override;
    void on_retry(const call_info& call, const error& why, std::chrono::milliseconds wait) noexcept override;
    void on_end(const call_info& call, const call_end& end) noexcept override;
    void on_connection(connection_event what, const connection_info& connection) noexcept override;
    void on_server_limit(limit_event what, const limit_info& limit) noexcept override;

 private:
    template <class Fill>
    void write(log_level least, Fill fill) noexcept;

    line_sink sink_;
    log_level level_;
    std::string line_;  // kept for its memory
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/text_logger.ipp>
#endif
