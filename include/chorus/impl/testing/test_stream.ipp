#pragma once

#include <chorus/testing/test_stream.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace chorus::testing {

class test_wire::stream_end final : public net::stream {
 public:
    explicit stream_end(std::shared_ptr<test_wire> wire) : wire_(std::move(wire)) {}
    ~stream_end() override { close(); }

    net::io_result read_some(std::span<char> buffer) noexcept override {
        if (wire_->breaks_now()) return {net::io_status::failed, 0, asio::error::connection_reset};
        if (wire_->hesitates_now(wire_->read_hesitated_)) return {net::io_status::want_read};
        std::string& input = wire_->input_;
        if (!input.empty()) {
            const std::size_t size = std::min({input.size(), buffer.size(), wire_->largest_read});
            std::copy_n(input.data(), size, buffer.data());
            input.erase(0, size);
            return {net::io_status::done, size};
        }
        if (wire_->failure_) return {net::io_status::failed, 0, *wire_->failure_};
        if (wire_->ended_) return {net::io_status::end};
        return {net::io_status::want_read};
    }

    net::io_result write_some(std::span<const char> bytes) noexcept override {
        if (wire_->breaks_now()) return {net::io_status::failed, 0, asio::error::broken_pipe};
        if (wire_->hesitates_now(wire_->write_hesitated_)) return {net::io_status::want_write};
        const std::size_t so_far = wire_->written.size();
        if (so_far >= wire_->breaks_writes_after) return {net::io_status::failed, 0, asio::error::broken_pipe};
        if (so_far >= wire_->takes_writes_up_to) return {net::io_status::want_write};
        const std::size_t size = std::min({bytes.size(), wire_->largest_write, wire_->takes_writes_up_to - so_far});
        wire_->written.append(bytes.data(), size);
        return {net::io_status::done, size};
    }

    void async_wait_ready(net::readiness what, net::ready_handler handler) override {
        ++wire_->waits;
        const bool for_read = what == net::readiness::read;
        net::ready_handler& waiter = for_read ? wire_->waits_for_read_ : wire_->waits_for_write_;
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected()) {
            slot.assign([wire = wire_.get(), &waiter](asio::cancellation_type) {
                wire->resume(waiter, asio::error::operation_aborted);
            });
        }
        waiter = std::move(handler);
        if (wire_->breaks_now()) {
            wire_->resume(waiter, asio::error::connection_reset);
        } else if (for_read ? wire_->has_input() : wire_->written.size() < wire_->takes_writes_up_to) {
            wire_->resume(waiter, {});
        }
    }

    void cancel() noexcept override { wire_->resume_all(asio::error::operation_aborted); }
    void close() noexcept override {
        wire_->is_closed = true;
        cancel();
    }
    bool is_idle_and_open() noexcept override { return !wire_->is_closed && !wire_->has_input(); }
    executor get_executor() noexcept override { return wire_->executor_; }

 private:
    std::shared_ptr<test_wire> wire_;
};

CHORUS_DECL std::unique_ptr<net::stream> test_wire::make_stream() {
    return std::make_unique<stream_end>(shared_from_this());
}

CHORUS_DECL void test_wire::feed(std::string_view bytes) {
    input_.append(bytes);
    resume(waits_for_read_, {});
}

CHORUS_DECL void test_wire::end() {
    ended_ = true;
    resume(waits_for_read_, {});
}

CHORUS_DECL void test_wire::fail(boost::system::error_code why) {
    failure_ = why;
    resume_all({});
}

CHORUS_DECL bool test_wire::breaks_now() {
    if (failing_step && steps == *failing_step) failure_ = asio::error::connection_reset;
    ++steps;
    return failure_ && failing_step;
}

CHORUS_DECL bool test_wire::hesitates_now(bool& hesitated) {
    hesitated = hesitates && !hesitated;
    return hesitated;
}

CHORUS_DECL void test_wire::resume(net::ready_handler& waiter, boost::system::error_code outcome) {
    if (!waiter) return;
    asio::get_associated_cancellation_slot(waiter).clear();
    asio::post(executor_, [handler = std::move(waiter), outcome]() mutable { std::move(handler)(outcome); });
}

CHORUS_DECL void test_wire::resume_all(boost::system::error_code outcome) {
    resume(waits_for_read_, outcome);
    resume(waits_for_write_, outcome);
}

}  // namespace chorus::testing
