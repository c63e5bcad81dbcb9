// A connected byte stream that never blocks: the one face of TLS, plain TCP and the test stream.
#pragma once

#include <chorus/async/awaitable.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace chorus::net {

/// What one non-blocking step came to.
enum class io_status {
    done,        ///< `bytes` were moved, at least one.
    want_read,   ///< Nothing moved: try again when the stream is readable.
    want_write,  ///< Nothing moved: try again when the stream is writable.
    end,         ///< The peer ended the stream in order (TLS: close_notify; TCP: FIN).
    failed,      ///< The stream is broken; `error` says how.
};

struct io_result {
    io_status status = io_status::done;
    std::size_t bytes = 0;
    boost::system::error_code error = {};
};

enum class readiness { read, write };

/// Holds a completion handler of any type, `void(error_code)`, with its cancellation slot and nothing else: it is called
/// on the executor of the stream. `any_completion_handler` carries executors and allocators along, which costs the
/// compiler a second and each wait three allocations.
class ready_handler {
 public:
    using cancellation_slot_type = asio::cancellation_slot;

    ready_handler() noexcept = default;
    template <class Handler>
    explicit ready_handler(Handler&& handler)
        : held_(std::make_unique<typed<std::decay_t<Handler>>>(std::forward<Handler>(handler))) {}

    explicit operator bool() const noexcept { return held_ != nullptr; }
    cancellation_slot_type get_cancellation_slot() const noexcept { return held_->slot(); }
    /// Once.
    void operator()(boost::system::error_code failure) { std::exchange(held_, nullptr)->call(failure); }

 private:
    struct erased {
        virtual ~erased() = default;
        virtual asio::cancellation_slot slot() const noexcept = 0;
        virtual void call(boost::system::error_code failure) = 0;
    };
    template <class Handler>
    struct typed final : erased {
        template <class Given>
        explicit typed(Given&& given) : handler(std::forward<Given>(given)) {}
        asio::cancellation_slot slot() const noexcept override {
            return asio::get_associated_cancellation_slot(handler);
        }
        void call(boost::system::error_code failure) override { std::move(handler)(failure); }
        Handler handler;
    };

    std::unique_ptr<erased> held_;
};

/// A connected stream. A step does what it can now and says what to wait for; no step blocks and none throws.
/// One step at a time: a read and a write may alternate, and one wait of each kind at most is outstanding.
class stream {
 public:
    virtual ~stream() = default;

    /// Reads what is there, up to the size of `buffer`.
    virtual io_result read_some(std::span<char> buffer) noexcept = 0;

    /// Writes what fits now. After `want_*` the next attempt must begin with the same bytes.
    virtual io_result write_some(std::span<const char> bytes) noexcept = 0;

    /// Completes when a step may make progress. Cancellation: total; completes with `operation_aborted`.
    /// `cancel` and `close` do the same to it. The handler is never invoked from inside this function.
    virtual void async_wait_ready(readiness what, ready_handler handler) = 0;

    /// Whether bytes were received that `read_some` has not yet given away: waiting for the peer may then be in vain.
    virtual bool has_buffered() const noexcept { return false; }

    /// The application protocol that both sides agreed on, such as "h2" (RFC 7301), or empty.
    virtual std::string_view alpn() const noexcept { return {}; }

    /// Aborts the outstanding wait, if there is one.
    virtual void cancel() noexcept = 0;

    /// Says goodbye without waiting (TLS: close_notify is sent if it fits) and closes the socket.
    virtual void close() noexcept = 0;

    /// Tells whether an idle stream is still good: open, and with nothing to read.
    virtual bool is_idle_and_open() noexcept = 0;

    virtual executor get_executor() noexcept = 0;

    /// The wait as an asynchronous operation, with any completion token: `void(error_code)`. The handler is called on the
    /// executor of the stream, whichever it is bound to.
    template <class CompletionToken>
    auto async_wait(readiness what, CompletionToken&& token) {
        return asio::async_initiate<CompletionToken, void(boost::system::error_code)>(
            [this](auto handler, readiness wanted) { async_wait_ready(wanted, ready_handler(std::move(handler))); },
            token, what);
    }
};

}  // namespace chorus::net
