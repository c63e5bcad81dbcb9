// A gate before the limits of a server, which sees in what order calls come and in what order they are let through.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/call_gate.hpp>
#include <chorus/traffic.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chorus::simulation {

/// Passes everything on to a traffic control, and complains of an attempt that is let through out of turn: before one of
/// its class that came earlier, before one of another class whose turn came earlier, or past those who wait.
class gate_witness final : public call_gate, public std::enable_shared_from_this<gate_witness> {
 public:
    gate_witness(executor ex, const traffic_options& options, std::function<void(std::string)> complain)
        : executor_(ex), head_start_(options.head_start), complain_(std::move(complain)), judged_(ex, options) {}

    entry try_enter(const gated_call& call) override {
        entry outcome = judged_.try_enter(call);
        if (outcome && *outcome != nullptr) let_through(arrival_of(call), queues_[call.origin.to_string()]);
        return outcome;
    }

    awaitable<entry> enter(const gated_call& call, clock::time_point deadline) override {
        stay mine(shared_from_this(), call);
        auto waiting = judged_.enter(call, deadline);
        entry outcome = co_await std::move(waiting);
        if (outcome) mine.let_through();
        co_return outcome;
    }

    /// How many attempts were let through after a wait, and how often somebody else was waiting then.
    std::size_t waits() const noexcept { return waits_; }
    std::size_t turns() const noexcept { return turns_; }
    /// What is left of the world is taken down: whoever leaves now leaves out of turn.
    void close() noexcept { is_closed_ = true; }

 private:
    struct arrival {
        std::size_t number;
        chorus::priority priority;
        clock::time_point when;
        clock::time_point due;  // its place among the classes
    };
    struct passage {
        arrival who;
        clock::time_point when;
        std::size_t after;  // so many had arrived
        bool at_once() const noexcept { return when == who.when; }
    };
    struct queue {
        std::size_t waiting = 0;
        std::vector<passage> passages;
    };

    /// The presence of one attempt in the queue, however it ends.
    class stay {
     public:
        stay(std::shared_ptr<gate_witness> home, const gated_call& call)
            : home_(std::move(home)), queue_(home_->queues_[call.origin.to_string()]), who_(home_->arrival_of(call)) {
            ++queue_.waiting;
        }
        ~stay() {
            --queue_.waiting;
            if (!home_->is_closed_) home_->check_left(who_, was_let_through_, queue_);
        }
        stay(const stay&) = delete;
        stay& operator=(const stay&) = delete;

        void let_through() {
            was_let_through_ = true;
            home_->let_through(who_, queue_);
            if (queue_.passages.back().at_once()) return;
            ++home_->waits_;
            if (queue_.waiting > 1) ++home_->turns_;
        }

     private:
        std::shared_ptr<gate_witness> home_;
        queue& queue_;
        arrival who_;
        bool was_let_through_ = false;
    };

    arrival arrival_of(const gated_call& call) {
        const clock::time_point time = now(executor_);
        return {++arrivals_, call.priority, time, time + head_start_ * static_cast<int>(call.priority)};
    }

    void let_through(const arrival& who, queue& at) { at.passages.push_back({who, now(executor_), arrivals_}); }

    /// Whether somebody was let through while this one waited whose turn came later. A coroutine learns that it may go
    /// a little after it was decided, in the same moment of the virtual clock.
    void check_left(const arrival& who, bool was_let_through, const queue& at) {
        const clock::time_point left = now(executor_);
        for (const passage& other : at.passages) {
            if (other.who.number == who.number || other.after < who.number) continue;
            const bool is_earlier = other.when < left;
            const bool is_same_class = other.who.priority == who.priority;
            bool is_wrong = false;
            if (other.at_once()) {
                is_wrong = is_earlier;
            } else if (is_same_class) {
                is_wrong = who.number < other.who.number && (is_earlier || was_let_through);
            } else {
                is_wrong = is_earlier && who.when < other.when && who.due < other.who.due;
            }
            if (is_wrong) {
                complain_("attempt " + std::to_string(other.who.number) + " of class " +
                          std::to_string(static_cast<int>(other.who.priority)) + " is let through before number " +
                          std::to_string(who.number) + " of class " + std::to_string(static_cast<int>(who.priority)));
            }
        }
    }

    executor executor_;
    std::chrono::milliseconds head_start_;
    std::function<void(std::string)> complain_;
    traffic_control judged_;
    std::map<std::string, queue> queues_;  // of an origin: all calls name the same model and key
    std::size_t arrivals_ = 0;
    std::size_t waits_ = 0;
    std::size_t turns_ = 0;
    bool is_closed_ = false;
};

}  // namespace chorus::simulation
