// What goes wrong in a world: how its connections are, and what its servers say in place of the right answer.
#pragma once

#include <chorus/http/url.hpp>
#include <chorus/testing/mock_message.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/simulated_network.hpp>

#include <cstddef>
#include <cstdint>

#include "dice.hpp"

namespace chorus::simulation {

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

    testing::simulated_connection next_connection();
    /// `echo: ` and the question, or a fault.
    void answer(const testing::mock_request& request, testing::mock_reply& reply);

 private:
    bool is_calm() const noexcept { return percent_ == 0; }
    void spoil(testing::simulated_direction& direction);
    void refuse(testing::mock_reply& reply);
    void garble(testing::mock_reply& reply);

    dice network_;
    dice server_;
    testing::mock_openai echo_;
    std::size_t percent_ = 0;
    bool http2_ = false;
};

}  // namespace chorus::simulation
