// A body that is sent piece by piece: where the pieces come from, and when the next one may be made.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/config.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chorus::testing {

/// Where the pieces of a body come from. Each is made when it is sent and not before, so that a stream of any length
/// costs no memory.
class mock_piece_source {
 public:
    virtual ~mock_piece_source() = default;
    /// Appends the next piece and says whether more follow it.
    virtual bool next(std::string& out) = 0;
};

/// These pieces, one after the other. Many streams may share one list.
std::unique_ptr<mock_piece_source> mock_pieces(std::shared_ptr<const std::vector<std::string>> pieces);
/// Whatever this function makes; it does what `mock_piece_source::next` does.
std::unique_ptr<mock_piece_source> mock_pieces(std::function<bool(std::string&)> next);

/// A body on its way. A pure machine: it knows no protocol, and time is an argument. The first piece goes with the head
/// of the reply, each later one an interval after the one before, or later if the client is slow: a piece is made only
/// when the one before it was taken.
class mock_stream {
 public:
    explicit mock_stream(std::unique_ptr<mock_piece_source> source = nullptr) : source_(std::move(source)) {}

    mock_stream& source(std::unique_ptr<mock_piece_source> value);
    bool has_source() const noexcept { return source_ != nullptr; }

    // How it is sent. Unset, the first two are the server's own: `mock_options`.
    mock_stream& every(std::chrono::nanoseconds interval);
    /// Gathers so many bytes before they are written; 0 writes each piece at once. See `mock_options`.
    mock_stream& record_bytes(std::size_t value);
    /// Cuts the body anew, into pieces of this size, wherever that falls; 0 leaves them as they come.
    mock_stream& cut(std::size_t bytes);
    /// Each piece waits for a `release`.
    mock_stream& hold_each(bool value = true);
    /// Fills in what was not set.
    void set_defaults(std::chrono::nanoseconds interval, std::size_t record_bytes);
    std::size_t record_bytes() const noexcept { return record_bytes_.value_or(0); }

    /// The head of the reply is on its way.
    void start(clock::time_point now) noexcept;
    bool is_started() const noexcept { return started_; }
    /// Lets one more piece go.
    void release() noexcept { ++released_; }
    /// Every piece has been taken.
    bool is_over() const noexcept { return source_over_ && rest_.empty(); }
    bool may_take(clock::time_point now) const noexcept;
    /// When the next piece may be taken; none if it waits for its release, or there is none.
    std::optional<clock::time_point> due() const noexcept;
    /// Appends the next piece. It may be taken, and the source may throw.
    void take(std::string& out);

    /// Bytes that were taken and wait for their frame.
    std::string unsent;
    /// So many of them are on their way.
    void sent(std::size_t bytes);

 private:
    std::unique_ptr<mock_piece_source> source_;
    std::optional<std::chrono::nanoseconds> interval_;
    std::optional<std::size_t> record_bytes_;
    std::size_t cut_bytes_ = 0;
    std::string rest_;  // what the source gave beyond the last cut
    clock::time_point due_{};
    std::size_t released_ = 0;
    bool hold_each_ = false;
    bool started_ = false;
    bool source_over_ = false;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/mock_stream.ipp>
#endif
