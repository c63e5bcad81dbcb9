#pragma once

#include <chorus/testing/mock_stream.hpp>

#include <algorithm>

namespace chorus::testing {

namespace detail {

class mock_piece_list final : public mock_piece_source {
 public:
    explicit mock_piece_list(std::shared_ptr<const std::vector<std::string>> pieces) : pieces_(std::move(pieces)) {}
    bool next(std::string& out) override {
        if (next_ < pieces_->size()) out += (*pieces_)[next_++];
        return next_ < pieces_->size();
    }

 private:
    std::shared_ptr<const std::vector<std::string>> pieces_;
    std::size_t next_ = 0;
};

class mock_piece_function final : public mock_piece_source {
 public:
    explicit mock_piece_function(std::function<bool(std::string&)> function) : function_(std::move(function)) {}
    bool next(std::string& out) override { return function_(out); }

 private:
    std::function<bool(std::string&)> function_;
};

}  // namespace detail

CHORUS_DECL std::unique_ptr<mock_piece_source> mock_pieces(std::shared_ptr<const std::vector<std::string>> pieces) {
    return std::make_unique<detail::mock_piece_list>(std::move(pieces));
}

CHORUS_DECL std::unique_ptr<mock_piece_source> mock_pieces(std::function<bool(std::string&)> next) {
    return std::make_unique<detail::mock_piece_function>(std::move(next));
}

CHORUS_DECL mock_stream& mock_stream::source(std::unique_ptr<mock_piece_source> value) {
    source_ = std::move(value);
    return *this;
}

CHORUS_DECL mock_stream& mock_stream::every(std::chrono::nanoseconds interval) {
    interval_ = interval;
    return *this;
}

CHORUS_DECL mock_stream& mock_stream::record_bytes(std::size_t value) {
    record_bytes_ = value;
    return *this;
}

CHORUS_DECL mock_stream& mock_stream::cut(std::size_t bytes) {
    cut_bytes_ = bytes;
    return *this;
}

CHORUS_DECL mock_stream& mock_stream::hold_each(bool value) {
    hold_each_ = value;
    return *this;
}

CHORUS_DECL void mock_stream::set_defaults(std::chrono::nanoseconds interval, std::size_t record_bytes) {
    if (!interval_) interval_ = interval;
    if (!record_bytes_) record_bytes_ = record_bytes;
}

CHORUS_DECL void mock_stream::start(clock::time_point now) noexcept {
    started_ = true;
    due_ = now;
}

CHORUS_DECL bool mock_stream::may_take(clock::time_point now) const noexcept {
    return !is_over() && (!hold_each_ || released_ > 0) && due_ <= now;
}

CHORUS_DECL std::optional<clock::time_point> mock_stream::due() const noexcept {
    if (is_over() || (hold_each_ && released_ == 0)) return std::nullopt;
    return due_;
}

CHORUS_DECL void mock_stream::take(std::string& out) {
    if (hold_each_) --released_;
    // From the time it was due, so that the pieces keep step with the clock whatever each of them took.
    due_ += interval_.value_or(std::chrono::nanoseconds::zero());
    if (cut_bytes_ == 0) {
        source_over_ = !source_->next(out);
        return;
    }
    while (!source_over_ && rest_.size() <= cut_bytes_) source_over_ = !source_->next(rest_);
    out.append(rest_, 0, cut_bytes_);
    rest_.erase(0, cut_bytes_);
}

CHORUS_DECL void mock_stream::sent(std::size_t bytes) {
    constexpr std::size_t kept = 1024;  // thousands of streams wait at once
    unsent.erase(0, bytes);
    if (unsent.empty() && unsent.capacity() > kept) std::string().swap(unsent);
}

}  // namespace chorus::testing
