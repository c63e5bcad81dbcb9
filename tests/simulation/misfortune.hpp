// What goes wrong in a world: how its connections are, and what its servers say in place of the right answer.
#pragma once

#include <chorus/http/url.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <cstddef>
#include <cstdint>
#include <set>

#include "dice.hpp"

namespace chorus::simulation {

/// What a world has done to its calls so far, as far as their errors tell of it.
struct misdeeds {
    bool refused_openings = false;
    bool hung_openings = false;
    bool cuts = false;    ///< Connections that end or break after so many bytes, in either direction.
    bool stalls = false;  ///< Silence in the middle, of connections or servers.
    bool noise_to_clients = false;
    bool noise_to_servers = false;
    bool drops = false;      ///< Replies that end with their connection.
    bool resets = false;     ///< Replies that are reset; over HTTP/2 with any code.
    bool garbled = false;    ///< Successes that are no answer.
    bool shortened = false;  ///< Successes with less of a body than they promise.
    bool delays = false;     ///< Replies that come late.
    bool spent_quota = false;
    std::set<int> statuses;  ///< Of refusals.
};

/// Draws faults. Connections and replies have dice of their own, so that more of one do not change the other.
class misfortune {
 public:
    explicit misfortune(std::uint64_t seed) : network_(seed * 4 + 1), server_(seed * 4 + 2) {}

    /// How many of a hundred connections and replies go wrong; none in a calm world.
    void set(std::size_t percent, bool http2) noexcept {
        percent_ = percent;
        http2_ = http2;
    }
    std::size_t percent() const noexcept { return percent_; }

    const misdeeds& done() const noexcept { return done_; }

    testing::simulated_connection next_connection();
    /// `echo: ` and the question, or a fault.
    void answer(const testing::mock_request& request, testing::mock_reply& reply);

 private:
    bool is_calm() const noexcept { return percent_ == 0; }
    void spoil(testing::simulated_direction& direction, bool& has_noise);
    void refuse(testing::mock_reply& reply);
    void garble(testing::mock_reply& reply);

    dice network_;
    dice server_;
    testing::mock_openai echo_;
    std::size_t percent_ = 0;
    bool http2_ = false;
    misdeeds done_;
};

}  // namespace chorus::simulation
