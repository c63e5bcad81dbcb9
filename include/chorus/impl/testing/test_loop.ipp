#pragma once

#include <chorus/testing/test_loop.hpp>

#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <utility>

namespace chorus::testing {

CHORUS_DECL std::string test_loop::run_in_virtual_time(awaitable<void> body) {
    virtual_clock installed(context_);
    time_ = &installed;
    std::string problem = run_in_real_time(std::move(body));
    time_ = nullptr;
    return problem;
}

CHORUS_DECL std::string test_loop::run_in_real_time(awaitable<void> body) {
    bool done = false;
    std::string problem;
    asio::co_spawn(context_, std::move(body), [&](std::exception_ptr failure) {
        done = true;
        if (!failure) return;
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& thrown) {
            problem = std::string("the body of the test threw: ") + thrown.what();
        } catch (...) {
            problem = "the body of the test threw something that is no std::exception";
        }
    });
    const auto start = clock::now();
    while (!done) {
        const auto left = start + wall_limit_ - clock::now();
        const bool something_ran =
            left > clock::duration::zero() && (time_ ? time_->step(left) : context_.run_one_for(left) != 0);
        if (done || something_ran) continue;
        const auto passed = clock::now() - start;
        problem = "the body of the test has not ended after " +
                  std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count()) + " ms" +
                  (context_.stopped() ? ", and its loop was stopped" : "");
        break;
    }
    return problem;
}

}  // namespace chorus::testing
