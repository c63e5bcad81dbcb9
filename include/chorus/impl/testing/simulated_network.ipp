#pragma once

#include <chorus/async/alarm.hpp>
#include <chorus/async/clock.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace chorus::testing {

namespace detail {

/// One direction: bytes on their way, each with the time of its arrival. A pure machine; time is an argument.
class simulated_pipe {
 public:
    explicit simulated_pipe(const simulated_direction& plan) : plan_(plan), noise_(plan.noise) {}

    const simulated_direction& plan() const noexcept { return plan_; }
    /// How many bytes the sender may add.
    std::size_t room() const noexcept {
        return swallows_ ? plan_.buffer_bytes : plan_.buffer_bytes - std::min(held_, plan_.buffer_bytes);
    }

    /// Takes bytes in, no more than there is room for. True when the fault has come that the sender is told of.
    bool send(std::span<const char> bytes, clock::time_point now) {
        const bool faulty = plan_.fault != simulated_fault::none;
        const std::size_t good =
            faulty ? std::min(bytes.size(), plan_.fault_after - std::min(sent_, plan_.fault_after)) : bytes.size();
        const bool is_hit = faulty && sent_ + bytes.size() > plan_.fault_after;
        sent_ += bytes.size();
        if (swallows_) return false;
        append(bytes.first(good), now, false);
        if (!is_hit) return false;
        const auto rest = bytes.subspan(good);
        switch (plan_.fault) {
            case simulated_fault::none:
                return false;
            case simulated_fault::stall:
                if (!std::exchange(is_stalled_, true)) last_ = chorus::detail::saturating_add(now, plan_.stall_for);
                append(rest, now, false);
                return false;
            case simulated_fault::garbage:
                append(rest, now, true);
                return false;
            case simulated_fault::half_close:
                swallows_ = true;
                end(now);
                return false;
            case simulated_fault::end:
                swallows_ = true;
                end(now);
                return true;
            case simulated_fault::reset:
                swallows_ = true;
                reset(arrival(now) + std::chrono::microseconds(1));  // what came before can be read
                return true;
        }
        return false;
    }

    /// The sender has said all; what is on its way arrives before.
    void end(clock::time_point now) {
        if (end_at_) return;
        if (is_stalled_ && last_ == clock::time_point::max()) {
            reset(now + plan_.latency);
        } else {
            end_at_ = arrival(now);
        }
    }
    void reset(clock::time_point when) noexcept { reset_at_ = std::min(reset_at_.value_or(when), when); }
    /// Nobody will read: what is on its way is lost. True if there was something.
    bool abandon() noexcept {
        const bool had = held_ > 0;
        on_the_way_.clear();
        held_ = 0;
        swallows_ = true;
        return had;
    }

    bool is_reset(clock::time_point now) const noexcept { return reset_at_ && *reset_at_ <= now; }
    bool has_data(clock::time_point now) const noexcept {
        return !on_the_way_.empty() && on_the_way_.front().arrives <= now;
    }
    bool has_ended(clock::time_point now) const noexcept { return on_the_way_.empty() && end_at_ && *end_at_ <= now; }
    bool is_readable(clock::time_point now) const noexcept { return has_data(now) || has_ended(now) || is_reset(now); }

    std::size_t read(std::span<char> into) {
        segment& first = on_the_way_.front();
        const std::size_t size = std::min(into.size(), first.bytes.size() - offset_);
        std::copy_n(first.bytes.data() + offset_, size, into.data());
        held_ -= size;
        offset_ += size;
        if (offset_ == first.bytes.size()) {
            on_the_way_.pop_front();
            offset_ = 0;
        }
        return size;
    }

    /// When the receiver will find something new.
    std::optional<clock::time_point> next(clock::time_point now) const noexcept {
        clock::time_point soonest = clock::time_point::max();
        const auto consider = [&](clock::time_point when) {
            if (when > now) soonest = std::min(soonest, when);
        };
        if (!on_the_way_.empty()) consider(on_the_way_.front().arrives);
        if (end_at_) consider(*end_at_);
        if (reset_at_) consider(*reset_at_);
        if (soonest == clock::time_point::max()) return std::nullopt;
        return soonest;
    }

 private:
    struct segment {
        clock::time_point arrives;
        std::string bytes;
    };

    clock::time_point arrival(clock::time_point now) const noexcept { return std::max(now + plan_.latency, last_); }

    void append(std::span<const char> bytes, clock::time_point now, bool noisy) {
        while (!bytes.empty()) {
            const auto part = bytes.first(std::min(bytes.size(), std::max<std::size_t>(plan_.segment_bytes, 1)));
            bytes = bytes.subspan(part.size());
            line_free_ = std::max(line_free_, now);
            if (plan_.bytes_per_second > 0) {
                line_free_ +=
                    std::chrono::nanoseconds(part.size() * std::uint64_t{1'000'000'000} / plan_.bytes_per_second);
            }
            last_ = std::max(last_, line_free_ + plan_.latency);
            held_ += part.size();
            segment& added = on_the_way_.emplace_back(segment{last_, std::string(part.begin(), part.end())});
            if (!noisy) continue;
            for (char& each : added.bytes) each = next_noise();
        }
    }

    char next_noise() noexcept {
        noise_ = noise_ * 6364136223846793005U + 1442695040888963407U;  // Knuth's, as in MMIX
        return static_cast<char>(noise_ >> 56U);
    }

    simulated_direction plan_;
    std::deque<segment> on_the_way_;
    std::size_t offset_ = 0;  // read of the first
    std::size_t held_ = 0;
    std::size_t sent_ = 0;
    clock::time_point line_free_{};
    clock::time_point last_{};  // the latest arrival so far
    std::optional<clock::time_point> end_at_;
    std::optional<clock::time_point> reset_at_;
    std::uint64_t noise_;
    bool swallows_ = false;
    bool is_stalled_ = false;
};

/// What the two ends of a connection share.
class simulated_wire : public std::enable_shared_from_this<simulated_wire> {
 public:
    simulated_wire(executor ex, const simulated_connection& plan, std::shared_ptr<std::size_t> open_ends)
        : executor_(std::move(ex)),
          open_ends_(std::move(open_ends)),
          sides_{side(*this, plan.to_client), side(*this, plan.to_server)} {}

    class end;
    /// One each: 0 for the client, 1 for the server.
    std::unique_ptr<net::stream> make_end(std::size_t which);

 private:
    /// What one end waits for; `incoming` brings the bytes to it.
    struct side {
        side(simulated_wire& wire, const simulated_direction& plan)
            : owner(wire), incoming(plan), news(wire.executor_) {}
        void on_news() { owner.look(*this); }

        simulated_wire& owner;
        simulated_pipe incoming;
        net::ready_handler reader;
        net::ready_handler writer;
        alarm news;
        bool is_closed = false;
    };

    side& other(const side& one) noexcept { return &one == &sides_[0] ? sides_[1] : sides_[0]; }

    bool is_writable(side& mine, clock::time_point now) {
        return mine.incoming.is_reset(now) || other(mine).incoming.room() > 0;
    }

    void resume(net::ready_handler& waiter, boost::system::error_code outcome) {
        if (!waiter) return;
        waiter.get_cancellation_slot().clear();
        asio::post(executor_, [handler = std::move(waiter), outcome]() mutable { std::move(handler)(outcome); });
    }

    /// Wakes who can go on, and sets the alarm for what comes next.
    void look(side& mine) {
        const clock::time_point now = mine.news.now();
        if (mine.reader && mine.incoming.is_readable(now)) resume(mine.reader, {});
        if (mine.writer && is_writable(mine, now)) resume(mine.writer, {});
        const auto next = mine.reader || mine.writer ? mine.incoming.next(now) : std::nullopt;
        if (next) {
            mine.news.set<&side::on_news>(*next, &mine);
        } else {
            mine.news.clear();
        }
    }

    void abort_waits(side& mine) {
        resume(mine.reader, asio::error::operation_aborted);
        resume(mine.writer, asio::error::operation_aborted);
        mine.news.clear();
    }

    void close(side& mine) {
        if (std::exchange(mine.is_closed, true)) return;
        abort_waits(mine);
        side& peer = other(mine);
        const clock::time_point now = mine.news.now();
        const bool was_reset = mine.incoming.is_reset(now);
        if (mine.incoming.abandon()) {
            peer.incoming.reset(now + peer.incoming.plan().latency);
        } else if (!was_reset) {
            peer.incoming.end(now);
        }
        look(peer);
    }

    executor executor_;
    std::shared_ptr<std::size_t> open_ends_;
    std::array<side, 2> sides_;  // of the client, of the server
};

class simulated_wire::end final : public net::stream {
 public:
    end(std::shared_ptr<simulated_wire> wire, side& mine) : wire_(std::move(wire)), mine_(mine) {
        ++*wire_->open_ends_;
    }
    ~end() override {
        wire_->close(mine_);
        --*wire_->open_ends_;
    }
    end(const end&) = delete;
    end& operator=(const end&) = delete;

    net::io_result read_some(std::span<char> buffer) noexcept override {
        const clock::time_point now = mine_.news.now();
        if (mine_.is_closed) return {net::io_status::failed, 0, asio::error::bad_descriptor};
        if (mine_.incoming.is_reset(now)) return {net::io_status::failed, 0, asio::error::connection_reset};
        if (mine_.incoming.has_data(now)) {
            const bool was_full = mine_.incoming.room() == 0;
            const std::size_t size = mine_.incoming.read(buffer);
            if (was_full) wire_->look(wire_->other(mine_));
            return {net::io_status::done, size};
        }
        if (mine_.incoming.has_ended(now)) return {net::io_status::end};
        return {net::io_status::want_read};
    }

    net::io_result write_some(std::span<const char> bytes) noexcept override {
        const clock::time_point now = mine_.news.now();
        if (mine_.is_closed) return {net::io_status::failed, 0, asio::error::bad_descriptor};
        if (mine_.incoming.is_reset(now)) return {net::io_status::failed, 0, asio::error::connection_reset};
        side& peer = wire_->other(mine_);
        const auto fitting = bytes.first(std::min(bytes.size(), peer.incoming.room()));
        if (fitting.empty()) return {net::io_status::want_write};
        const auto both_ways = mine_.incoming.plan().latency + peer.incoming.plan().latency;
        if (peer.incoming.send(fitting, now) || peer.is_closed) mine_.incoming.reset(now + both_ways);
        wire_->look(peer);
        wire_->look(mine_);
        return {net::io_status::done, fitting.size()};
    }

    void async_wait_ready(net::readiness what, net::ready_handler handler) override {
        net::ready_handler& waiter = what == net::readiness::read ? mine_.reader : mine_.writer;
        auto slot = handler.get_cancellation_slot();
        if (slot.is_connected()) {
            slot.assign([wire = wire_.get(), &waiter](asio::cancellation_type) {
                wire->resume(waiter, asio::error::operation_aborted);
            });
        }
        waiter = std::move(handler);
        if (mine_.is_closed) {
            wire_->resume(waiter, asio::error::bad_descriptor);
        } else {
            wire_->look(mine_);
        }
    }

    void cancel() noexcept override { wire_->abort_waits(mine_); }
    void close() noexcept override { wire_->close(mine_); }
    bool is_idle_and_open() noexcept override {
        return !mine_.is_closed && !mine_.incoming.is_readable(mine_.news.now());
    }
    executor get_executor() noexcept override { return wire_->executor_; }

 private:
    friend class simulated_wire;
    std::shared_ptr<simulated_wire> wire_;
    side& mine_;
};

CHORUS_DECL std::unique_ptr<net::stream> simulated_wire::make_end(std::size_t which) {
    return std::make_unique<end>(shared_from_this(), sides_[which]);
}

CHORUS_DECL simulated_ends make_simulated_ends(const executor& ex, const simulated_connection& plan,
                                               std::shared_ptr<std::size_t> open_ends) {
    const auto wire = std::make_shared<simulated_wire>(ex, plan, std::move(open_ends));
    return {wire->make_end(0), wire->make_end(1)};
}

}  // namespace detail

CHORUS_DECL simulated_ends make_simulated_ends(const executor& ex, const simulated_connection& plan) {
    return detail::make_simulated_ends(ex, plan, std::make_shared<std::size_t>(0));
}

CHORUS_DECL void simulated_network::listen(const http::origin& where, acceptor accept) {
    listeners_.insert_or_assign(where, std::move(accept));
}

CHORUS_DECL awaitable<result<std::unique_ptr<net::stream>>> simulated_network::dial(const http::origin& where,
                                                                                    http::timing& times) {
    const simulated_connection plan = decide_ ? decide_(where) : simulated_connection();
    const clock::time_point started = now(executor_);
    if (plan.opening == simulated_opening::hangs) co_await sleep_until(clock::time_point::max());
    co_await sleep_for(plan.opens_after);
    times.connect = now(executor_) - started;
    const auto found = listeners_.find(where);
    if (plan.opening == simulated_opening::refused || found == listeners_.end() || !found->second) {
        error refused(errc::connect_failed, where.to_string());
        refused.cause("connection refused");
        co_return refused.phase(phase::connect);
    }
    simulated_ends ends = detail::make_simulated_ends(executor_, plan, open_ends_);
    found->second(std::move(ends.server));
    co_return std::move(ends.client);
}

}  // namespace chorus::testing
