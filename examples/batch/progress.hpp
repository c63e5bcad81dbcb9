// How far the work is, in numbers and in words. Time is an argument.
#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/error.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace batch {

class progress {
 public:
    /// `total` prompts are wanted, of which `before` were answered by earlier runs.
    progress(std::size_t total, std::size_t before, chorus::clock::time_point start)
        : total_(total), before_(before), start_(start) {}

    /// Counts a call as under way for as long as it lives.
    class in_flight {
     public:
        explicit in_flight(progress& owner) noexcept : owner_(owner) { ++owner_.in_flight_; }
        ~in_flight() { --owner_.in_flight_; }
        in_flight(const in_flight&) = delete;
        in_flight& operator=(const in_flight&) = delete;

     private:
        progress& owner_;
    };

    /// Counts a result that has been written.
    void count(std::size_t line, const chorus::result<chorus::chat_response>& reply) {
        if (reply) {
            const auto& time = reply->timing();
            latencies_.push_back(seconds(time.total));
            // Setting up connections is left out: calls made one after the other would share one.
            replaced_ += seconds(time.total - time.queue - time.dns - time.connect - time.tls);
            tokens_in_ += reply->usage().prompt_tokens.value_or(0);
            tokens_out_ += reply->usage().completion_tokens.value_or(0);
        } else {
            auto& kind = failures_[reply.error().code().message()];
            if (kind.count++ == 0) kind.first = "line " + std::to_string(line) + ": " + reply.error().message();
            ++failed_;
        }
    }

    std::size_t total() const noexcept { return total_; }
    std::size_t answered() const noexcept { return before_ + latencies_.size(); }
    bool complete() const noexcept { return answered() == total_; }

    /// `437/1000  64 in flight  312.0 requests/s  9204 tokens/s  2 failed  ETA 0:02`
    std::string line(chorus::clock::time_point now) const {
        const double elapsed = seconds(now - start_);
        const std::size_t done = latencies_.size() + failed_;
        const std::size_t left = total_ - before_ - done;
        std::ostringstream out;
        out << std::fixed << std::setprecision(1) << before_ + done << '/' << total_ << "  " << in_flight_
            << " in flight  " << rate(static_cast<double>(done), elapsed) << " requests/s  " << std::setprecision(0)
            << rate(static_cast<double>(tokens_out_), elapsed) << " tokens/s  " << failed_ << " failed";
        if (done > 0) {
            const auto eta = std::llround(elapsed / static_cast<double>(done) * static_cast<double>(left));
            out << "  ETA " << eta / 60 << ':' << std::setfill('0') << std::setw(2) << eta % 60;
        }
        return out.str();
    }

    /// Several lines for the end.
    std::string summary(chorus::clock::time_point now) const {
        const double elapsed = seconds(now - start_);
        std::ostringstream out;
        out << std::fixed << answered() << " of " << total_ << " prompts answered";
        if (before_ > 0) out << ", " << before_ << " of them by earlier runs";
        if (!latencies_.empty()) {
            out << std::setprecision(2) << "\n  " << elapsed << " s of wall time in place of " << replaced_
                << " s one after the other, " << std::setprecision(1) << rate(replaced_, elapsed) << " times as fast"
                << std::setprecision(0) << "\n  latency p50 " << percentile(0.50) * 1000 << " ms, p99 "
                << percentile(0.99) * 1000 << " ms; " << rate(static_cast<double>(latencies_.size()), elapsed)
                << " requests/s; tokens: " << tokens_in_ << " in, " << tokens_out_ << " out";
        }
        for (const auto& [what, kind] : failures_)
            out << "\n  " << kind.count << " failed: " << what << "; the first: " << kind.first;
        return out.str();
    }

 private:
    struct failures {
        std::size_t count = 0;
        std::string first;
    };

    static double seconds(chorus::clock::duration length) { return std::chrono::duration<double>(length).count(); }
    static double rate(double amount, double elapsed) { return elapsed > 0 ? amount / elapsed : 0; }

    double percentile(double part) const {
        std::vector<double> sorted = latencies_;
        const auto last = static_cast<double>(sorted.size() - 1);
        const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(part * last + 0.5);
        std::ranges::nth_element(sorted, place);
        return *place;
    }

    std::size_t total_;
    std::size_t before_;
    chorus::clock::time_point start_;
    std::size_t in_flight_ = 0;
    std::size_t failed_ = 0;
    double replaced_ = 0;  // seconds
    std::int64_t tokens_in_ = 0;
    std::int64_t tokens_out_ = 0;
    std::vector<double> latencies_;             // seconds
    std::map<std::string, failures> failures_;  // by what went wrong
};

}  // namespace batch
