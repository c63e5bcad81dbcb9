// Several observers where a client takes one.
#pragma once

#include <chorus/config.hpp>
#include <chorus/observe/observer.hpp>

#include <memory>
#include <utility>
#include <vector>

namespace chorus {

/// Tells all of its observers, in the order in which they were added. Null is passed over.
///
///     auto all = std::make_shared<chorus::observers>();
///     all->add(log).add(counts);
class observers final : public observer {
 public:
    observers() = default;
    explicit observers(std::vector<std::shared_ptr<observer>> list) {
        for (auto& one : list) add(std::move(one));
    }

    /// Adds one. Not from within a notification.
    observers& add(std::shared_ptr<observer> one) {
        if (one) list_.push_back(std::move(one));
        return *this;
    }

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
    std::vector<std::shared_ptr<observer>> list_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/observe/observers.ipp>
#endif
