#include "cancellation.hpp"

#include <chorus/async/event.hpp>
#include <chorus/async/race.hpp>
#include <chorus/async/task.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace chorus::simulation {

namespace {

/// What became of an operation. It outlives the world.
struct record {
    bool has_begun = false;
    int frames = 0;
    int ends = 0;
    bool has_thrown = false;
    error outcome;
    clock::time_point ended;
};

class living {
 public:
    explicit living(int& count) noexcept : count_(count) { ++count_; }
    ~living() { --count_; }
    living(const living&) = delete;
    living& operator=(const living&) = delete;

 private:
    int& count_;
};

awaitable<void> perform(const operation& what, stage& world, record& mine) {
    const living here(mine.frames);
    mine.has_begun = true;
    try {
        mine.outcome = co_await what.run(world);
    } catch (...) {
        mine.has_thrown = true;
        mine.outcome = error::from_exception(std::current_exception());
    }
    ++mine.ends;
    mine.ended = world.time.now();
}

awaitable<void> perform_in_race(const operation& what, stage& world, record& mine, event& stop) {
    co_await race(perform(what, world, mine), stop.wait());
}

/// One world, and the operation in it.
class trial {
 public:
    trial(const operation& what, http::protocol version, way how)
        : what_(what), how_(how), world_(std::make_unique<stage>(version)) {
        if (what.set) what.set(*world_);
        world_->open();
        if (what.prepare) what.prepare(*world_);
        world_->watcher->notifications = 0;
    }

    void start(std::size_t steps) {
        stage& world = *world_;
        switch (how_) {
            case way::handle_cancelled:
            case way::handle_dropped:
            case way::from_within:
                work_ = spawn(world.get_executor(), perform(what_, world, mine_));
                break;
            case way::race_lost:
                work_ = spawn(world.get_executor(), perform_in_race(what_, world, mine_, stop_));
                break;
            case way::slot_signalled:
                asio::co_spawn(world.loop, perform(what_, world, mine_),
                               asio::bind_cancellation_slot(signal_.slot(),
                                                            [this](const std::exception_ptr&) { ++completions_; }));
                break;
            case way::loop_gone:
                asio::co_spawn(world.loop, perform(what_, world, mine_), asio::detached);
                break;
        }
        if (how_ == way::from_within) {
            world.watcher->on_note = [this, steps] {
                if (world_->watcher->notifications == steps && mine_.ends == 0) cancel();
            };
        }
    }

    /// True if it was cancelled after so many steps, and had not ended before.
    bool run_and_cancel(std::size_t steps) {
        start(steps);
        if (how_ == way::from_within) {
            world_->rest();
            return is_cancelled_;
        }
        // Counted from its beginning, for that takes different ways different steps; before it is 0.
        if (steps > 0) world_->run_until([&] { return mine_.has_begun; });
        for (std::size_t done = 1; done < steps && mine_.ends == 0; ++done) {
            if (!world_->step()) break;
        }
        if (mine_.ends > 0) return false;
        cancel();
        if (world_ && world_->neighbours.empty()) check_place();
        return true;
    }

    void check() {
        if (how_ == way::loop_gone) {
            if (is_cancelled_) return check_frames();
        }
        stage& world = *world_;
        world.rest();
        world.watcher->on_note = nullptr;
        check_end();
        check_outcome();
        world.check_ledgers();
        if (!world.problems.empty()) return;  // what follows would complain of the same
        world.check_use_and_end();
        problems_ = std::move(world.problems);
        work_.reset();
        world_.reset();
        check_frames();
    }

    bool was_told() const noexcept { return mine_.ends == 1 && bool(mine_.outcome.code()); }
    std::vector<std::string> take_problems() {
        if (world_) {
            problems_.insert(problems_.end(), world_->problems.begin(), world_->problems.end());
            work_.reset();
        }
        return std::move(problems_);
    }

 private:
    void complain(std::string what) { (world_ ? world_->problems : problems_).push_back(std::move(what)); }

    void cancel() {
        is_cancelled_ = true;
        cancelled_at_ = world_->time.now();
        switch (how_) {
            case way::handle_cancelled:
            case way::from_within:
                return work_->cancel();
            case way::handle_dropped:
                return work_.reset();
            case way::slot_signalled:
                return signal_.emit(asio::cancellation_type::terminal);
            case way::race_lost:
                return stop_.set();
            case way::loop_gone:
                return world_.reset();
        }
    }

    void check_frames() {
        if (mine_.frames != 0) complain("its frame is left");
    }

    /// Before the time goes on.
    void check_place() {
        world_->run_ready();
        const net::pool_stats counts = world_->pool_stats();
        if (counts.in_use + counts.waiting > 0) complain("it has ended, and keeps a place in the pool");
    }

    void check_end() {
        if (mine_.frames != 0) return complain("it never ends");
        if (mine_.ends != (mine_.has_begun ? 1 : 0))
            return complain("it ended " + std::to_string(mine_.ends) + " times");
        if (!mine_.has_begun && !is_cancelled_) complain("it never began");
        if (work_ && !work_->done()) complain("its task is not done");
        if (how_ == way::slot_signalled && completions_ != 1) {
            complain("it completed " + std::to_string(completions_) + " times");
        }
        if (!mine_.has_begun || !is_cancelled_) return;
        if (mine_.ended != cancelled_at_) complain("it goes on after its cancellation");
    }

    void check_outcome() {
        if (!mine_.has_begun || !mine_.outcome.code()) return;
        if (!is_cancelled_) return complain("it fails: " + mine_.outcome.message());
        if (mine_.outcome != condition::cancelled) return complain("it ends otherwise: " + mine_.outcome.message());
        if (what_.how == tells::by_error && mine_.has_thrown) complain("it throws: " + mine_.outcome.message());
        if (what_.how == tells::by_error && mine_.outcome != errc::cancelled) complain("it returns the code of Asio");
        if (what_.how == tells::by_exception && !mine_.has_thrown) complain("it returns: " + mine_.outcome.message());
    }

    const operation& what_;
    way how_;
    record mine_;
    std::vector<std::string> problems_;
    asio::cancellation_signal signal_;
    event stop_;
    std::unique_ptr<stage> world_;
    std::optional<task<void>> work_;
    bool is_cancelled_ = false;
    clock::time_point cancelled_at_;
    int completions_ = 0;
};

}  // namespace

error wrong(std::string what) {
    return error(errc::exception, "it is wrong: " + std::move(what));
}

const char* to_string(way how) noexcept {
    switch (how) {
        case way::handle_cancelled:
            return "handle cancelled";
        case way::handle_dropped:
            return "handle dropped";
        case way::slot_signalled:
            return "slot signalled";
        case way::race_lost:
            return "race lost";
        case way::from_within:
            return "cancelled from within";
        case way::loop_gone:
            return "loop gone";
    }
    return "";
}

namespace {

/// Returns whether the operation was cancelled before its end.
bool try_once(const operation& what, http::protocol version, way how, std::size_t steps, verdict& found) {
    trial one(what, version, how);
    const bool is_cancelled = one.run_and_cancel(steps);
    one.check();
    ++found.worlds;
    if (one.was_told()) ++found.cancelled;
    for (const std::string& problem : one.take_problems()) {
        found.problems.push_back(std::string(to_string(how)) + " after " + std::to_string(steps) +
                                 " steps: " + problem);
    }
    return is_cancelled;
}

}  // namespace

verdict prove(const operation& what, http::protocol version) {
    constexpr std::size_t most_steps = 2'000;
    constexpr way ways[] = {way::handle_cancelled, way::slot_signalled, way::race_lost, way::handle_dropped};
    const bool has_network = what.versions != over::none;
    verdict found;
    for (const way each : ways) try_once(what, version, each, 0, found);
    // A step is the same in each way, so that one is enough where there are many.
    const std::size_t at_once = has_network ? 1 : std::size(ways);
    std::size_t turn = std::string_view(what.name).size();
    bool has_more = true;
    for (std::size_t steps = 1; has_more && steps < most_steps; ++steps) {
        for (std::size_t i = 0; i < at_once; ++i) {
            has_more = try_once(what, version, ways[turn++ % std::size(ways)], steps, found);
        }
        if (steps % 5 == 0 || !has_network) try_once(what, version, way::loop_gone, steps, found);
    }
    if (has_more) found.problems.push_back("it has no end");
    std::size_t notification = 1;
    while (has_network && try_once(what, version, way::from_within, notification, found)) ++notification;
    return found;
}

}  // namespace chorus::simulation
