// A steady load for as long as wanted: whether memory and descriptors stay what they are, also when the server fails in
// every way it can.
#include <chorus/async/for_each_completed.hpp>
#include <chorus/async/run.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/async/task.hpp>
#include <chorus/chat_stream.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../tests/support/chaos.hpp"
#include "support/options.hpp"
#include "support/report.hpp"
#include "support/resources.hpp"
#include "support/stopwatch.hpp"
#include "support/target.hpp"
#include <malloc.h>

namespace {

using namespace chorus::testing_support;

constexpr std::string_view usage = R"(Usage: soak [options]
Keeps a fixed number of calls under way, every third a stream, for some time; says what memory and descriptors do
meanwhile. Fails when an answer is wrong, an error is not explained, a descriptor or a megabyte is left at the end, or
resident memory grows by more than 2 MB from the second quarter of the run to its last.

  --seconds N         (default: 60)
  --requests N        ends after so many requests instead
  --concurrency C     calls under way at once (default: 64)
  --interval-ms I     between two looks at memory and descriptors (default: 1/20 of the time)
  --chaos             half of the requests meet trouble: connections refused, reset, stalled, half closed, noise, wrong
                      lengths, slow drips, error statuses. Only with the mock server, which is then told to
)";

struct soak_settings : bench::settings {
    std::size_t seconds = 60;
    std::size_t requests = 0;
    std::size_t concurrency = 64;
    std::size_t interval_ms = 0;
    bool chaos = false;
};

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;  // that of the look itself
}

/// Bytes that the program holds, whatever the allocator keeps for later.
std::size_t heap_bytes() {
    const auto all = mallinfo2();
    return all.uordblks + all.hblkhd;
}

struct sample {
    double seconds = 0;
    std::size_t requests = 0;
    std::size_t rss_kb = 0;
    std::size_t heap_kb = 0;
    std::size_t descriptors = 0;
};

/// The median of the second quarter of the samples, and that of the last: the first quarter warms up.
std::pair<std::size_t, std::size_t> early_and_late(const std::vector<sample>& all, std::size_t sample::*figure) {
    const auto median = [&](std::size_t from, std::size_t to) {
        std::vector<std::size_t> values;
        for (std::size_t at = from; at < std::max(to, from + 1); ++at) values.push_back(all[at].*figure);
        const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
        std::nth_element(values.begin(), middle, values.end());
        return *middle;
    };
    const std::size_t count = all.size();
    return {median(count / 4, count / 2), median(count - std::max<std::size_t>(count / 4, 1), count)};
}

/// Kilobytes a second, by least squares, over the second half of the samples: the first warms up.
double slope(const std::vector<sample>& all, std::size_t sample::*figure) {
    const std::ranges::subrange late(all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    double count = 0;
    double x = 0;
    double y = 0;
    double xx = 0;
    double xy = 0;
    for (const sample& each : late) {
        const double value = static_cast<double>(each.*figure);
        ++count;
        x += each.seconds;
        y += value;
        xx += each.seconds * each.seconds;
        xy += each.seconds * value;
    }
    const double spread = count * xx - x * x;
    return spread > 0 ? (count * xy - x * y) / spread : 0;
}

/// One run over one client.
class soak {
 public:
    soak(const bench::target& server, const soak_settings& wanted) : server_(server), wanted_(wanted) {}

    chorus::awaitable<int> run() {
        const auto here = co_await chorus::this_coro::executor;
        co_await work(std::min<std::size_t>(wanted_.concurrency * 20, 2'000), 10.0);  // what is made once, is made now
        requests_ = answered_ = explained_ = 0;
        const std::size_t descriptors_before = open_descriptors();
        const std::size_t heap_before = heap_bytes();
        samples_.push_back(take_sample(0));
        auto watching = chorus::spawn(here, watch());
        const bench::stopwatch all;
        const double seconds = static_cast<double>(wanted_.seconds);
        co_await work(wanted_.requests > 0 ? wanted_.requests : SIZE_MAX, wanted_.requests > 0 ? 1e9 : seconds);
        const double lasted = all.wall_s();
        watching.cancel();
        const auto last_look = samples_.emplace_back(take_sample(lasted));
        co_await chorus::sleep_for(std::chrono::milliseconds(100));  // for what closes on its own
        const std::size_t descriptors_after = open_descriptors();
        const auto heap_growth = static_cast<std::ptrdiff_t>(heap_bytes()) - static_cast<std::ptrdiff_t>(heap_before);

        const auto [early_kb, late_kb] = early_and_late(samples_, &sample::rss_kb);

        bench::report figures;
        figures.add("seconds", lasted).add("requests", requests_).add("concurrency", wanted_.concurrency);
        figures.add("requests_per_s", static_cast<double>(requests_) / lasted);
        figures.add("answered", answered_).add("explained_errors", explained_).add("wrong", wrong_);
        figures.add("rss_kb", last_look.rss_kb).add("rss_kb_per_s", slope(samples_, &sample::rss_kb));
        figures.add("rss_kb_early", early_kb).add("rss_kb_late", late_kb);
        figures.add("heap_kb_per_s", slope(samples_, &sample::heap_kb));
        figures.add("heap_growth_bytes", heap_growth);
        figures.add("descriptors_before", descriptors_before).add("descriptors_after", descriptors_after);
        figures.print(std::cout, wanted_.json);
        const bool is_left_over = descriptors_after > descriptors_before;
        constexpr std::ptrdiff_t tolerated = 1024 * 1024;  // a leak in one of a thousand calls is more
        constexpr std::size_t tolerated_kb = 2 * 1024;     // pages that the allocator does not give back yet
        const bool is_steady = late_kb <= early_kb + tolerated_kb;
        const bool is_good = wrong_ == 0 && answered_ > 0 && !is_left_over && heap_growth < tolerated && is_steady;
        co_return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
    }

 private:
    /// Sends requests over a client of its own, and closes it.
    chorus::awaitable<void> work(std::size_t requests, double seconds) {
        const auto here = co_await chorus::this_coro::executor;
        auto options = chorus::client_options().max_connections(wanted_.concurrency);
        if (wanted_.chaos) options.limits(chaos_limits()).max_attempts(1);
        auto llm = server_.make_client(here, options);
        std::optional<closed_port> closed;
        std::optional<chorus::client> nobody;
        if (wanted_.chaos) {
            closed.emplace();
            nobody.emplace(here, chorus::openai().base_url(closed->base_url()).api_key("sk-mock"), options);
        }
        const bench::stopwatch clock;
        const auto left = [&](std::size_t) { return clock.wall_s() < seconds; };
        const auto ask = [&](std::size_t question) {
            return ask_one(trouble_at(question) == trouble::nobody ? *nobody : llm, question);
        };
        const auto judge = [&](std::size_t question, const chorus::result<chorus::chat_response>& outcome) {
            note(question, outcome);
        };
        co_await chorus::for_each_completed(std::views::iota(std::size_t{0}, requests) | std::views::take_while(left),
                                            ask, {.limit = wanted_.concurrency}, judge);
        co_await llm.close();
        if (nobody) co_await nobody->close();
    }

    trouble trouble_at(std::size_t question) const {
        return wanted_.chaos ? trouble_of(question, wanted_.http2) : trouble::none;
    }

    chorus::awaitable<chorus::result<chorus::chat_response>> ask_one(chorus::client& llm, std::size_t question) {
        chorus::chat_request request(wanted_.model);
        request.user(chaos_prompt(question));
        auto work =
            question / 2 % 3 == 0 ? llm.stream(std::move(request)).try_finish() : llm.try_complete(std::move(request));
        co_return co_await std::move(work);
    }

    void note(std::size_t question, const chorus::result<chorus::chat_response>& outcome) {
        const trouble what = trouble_at(question);
        ++requests_;
        if (outcome && may_succeed(what) &&
            (wanted_.any_answer ? !outcome->text().empty() : outcome->text() == "echo: " + chaos_prompt(question))) {
            ++answered_;
        } else if (!outcome && wanted_.chaos && explains(what, outcome.error(), wanted_.http2, company::unknown)) {
            ++explained_;
        } else if (constexpr std::size_t told = 5; wrong_++ < told) {
            std::cerr << "wrong: question " << question << " with trouble " << static_cast<int>(what) << ": "
                      << (outcome ? std::string(outcome->text()) : outcome.error().message()) << '\n';
        }
    }

    sample take_sample(double seconds) const {
        return {seconds, requests_, bench::resident_kb(), heap_bytes() / 1024, open_descriptors()};
    }

    chorus::awaitable<void> watch() {
        const auto interval = std::chrono::milliseconds(
            wanted_.interval_ms > 0 ? wanted_.interval_ms : std::max<std::size_t>(wanted_.seconds * 50, 100));
        const bench::stopwatch clock;
        if (!wanted_.json) std::cout << "seconds  requests  rss_kb  heap_kb  descriptors\n";
        for (;;) {
            co_await chorus::sleep_for(interval);
            const sample& now = samples_.emplace_back(take_sample(clock.wall_s()));
            if (wanted_.json) continue;
            std::cout << now.seconds << "  " << now.requests << "  " << now.rss_kb << "  " << now.heap_kb << "  "
                      << now.descriptors << std::endl;
        }
    }

    const bench::target& server_;
    const soak_settings& wanted_;
    std::vector<sample> samples_;
    std::size_t requests_ = 0;
    std::size_t answered_ = 0;
    std::size_t explained_ = 0;
    std::size_t wrong_ = 0;
};

chorus::awaitable<int> measure(const bench::target& server, const soak_settings& wanted) {
    soak run(server, wanted);
    co_return co_await run.run();
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        soak_settings wanted;
        bench::option_reader options(wanted);
        options.number("--seconds", wanted.seconds).number("--requests", wanted.requests);
        options.number("--concurrency", wanted.concurrency).number("--interval-ms", wanted.interval_ms);
        options.flag("--chaos", wanted.chaos);
        options.read(words);
        if (wanted.chaos && !wanted.url.empty()) throw std::invalid_argument("--chaos needs the mock server");
        const auto prepare = wanted.http2 ? [](chorus::testing::mock_server& server) { make_trouble(server, true); }
                                          : [](chorus::testing::mock_server& server) { make_trouble(server, false); };
        const bench::target server(wanted, chorus::testing::mock_options().max_concurrent_streams(8),
                                   wanted.chaos ? prepare : nullptr);
        return chorus::run(measure(server, wanted));
    });
}
