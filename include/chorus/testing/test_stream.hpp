// A stream in memory, in the hands of the test: what arrives, in which pieces, and where it breaks.
#pragma once

#include <chorus/config.hpp>
#include <chorus/net/stream.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace chorus::testing {

/// The far end of a `test_stream`: the test feeds it and looks at it while a connection owns the stream.
class test_wire : public std::enable_shared_from_this<test_wire> {
 public:
    explicit test_wire(executor ex) : executor_(std::move(ex)) {}

    /// Makes the stream. One a wire.
    std::unique_ptr<net::stream> make_stream();

    /// Bytes arrive; who waits for them is resumed.
    void feed(std::string_view bytes);
    /// The peer ends the stream in order, after what was fed.
    void end();
    /// The stream breaks, after what was fed.
    void fail(boost::system::error_code why);

    // How it behaves. Set before use.
    std::size_t largest_read = std::numeric_limits<std::size_t>::max();         ///< Bytes one step reads at most.
    std::size_t largest_write = std::numeric_limits<std::size_t>::max();        ///< Bytes one step writes at most.
    std::size_t takes_writes_up_to = std::numeric_limits<std::size_t>::max();   ///< Then the stream is full.
    std::size_t breaks_writes_after = std::numeric_limits<std::size_t>::max();  ///< Then a write fails; reads do not.
    /// Every step says first that it would block, so that each is preceded by a wait.
    bool hesitates = false;
    /// The step (read, write or wait) with this number fails; the first is 0.
    std::optional<std::size_t> failing_step;

    // What happened.
    std::string written;    ///< All that was written.
    std::size_t steps = 0;  ///< How many steps were made.
    std::size_t waits = 0;  ///< How many of them were waits.
    bool is_waiting() const noexcept { return bool(waits_for_read_) || bool(waits_for_write_); }
    bool is_closed = false;

 private:
    class stream_end;

    bool breaks_now();
    bool hesitates_now(bool& hesitated);
    bool has_input() const noexcept { return !input_.empty() || ended_ || failure_; }
    void resume(net::ready_handler& waiter, boost::system::error_code outcome);
    void resume_all(boost::system::error_code outcome);

    executor executor_;
    std::string input_;
    bool ended_ = false;
    std::optional<boost::system::error_code> failure_;
    net::ready_handler waits_for_read_;
    net::ready_handler waits_for_write_;
    bool read_hesitated_ = false;
    bool write_hesitated_ = false;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/test_stream.ipp>
#endif
