#include "world.hpp"

#include <chorus/async/alarm.hpp>
#include <chorus/async/gather.hpp>
#include <chorus/async/sleep.hpp>
#include <chorus/client.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/provider/openai.hpp>
#include <chorus/testing/simulated_network.hpp>
#include <chorus/testing/simulated_server.hpp>
#include <chorus/testing/virtual_clock.hpp>
#include <chorus/traffic.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "dice.hpp"
#include "gate_witness.hpp"
#include "misfortune.hpp"

namespace chorus::simulation {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using testing::mock_reply;
using testing::mock_request;

/// How long after its limit a call may end: what "at once" means on a clock that jumps.
constexpr auto tick = 1ms;

enum class manner {
    whole,      ///< `try_complete`
    streamed,   ///< `stream`, read by `try_for_each`
    by_event,   ///< `stream`, read by `try_next`
    slow,       ///< the same, by a reader that pauses
    abandoned,  ///< the same, left after some events
};

/// One call, from its plan to its end.
struct call {
    manner how = manner::whole;
    chorus::priority priority = chorus::priority::normal;
    std::size_t server = 0;
    std::size_t words = 0;
    std::size_t left_after = 0;  // events, when abandoned
    microseconds pause{0};       // of a slow reader
    std::optional<std::chrono::milliseconds> own_limit;
    microseconds begins{0};
    std::optional<microseconds> cancelled_after;

    bool has_begun = false;
    clock::time_point began;
    clock::time_point ended;
    std::optional<clock::time_point> cancelled_at;
    clock::duration paused{};  // by itself, with events at hand
    clock::duration queued{};  // as it was told
    std::size_t times_ended = 0;
    error failure;       // none: it succeeded, or was left
    std::string answer;  // as far as it came
    bool is_whole = false;
};

std::string words(std::size_t index, std::size_t count) {
    std::string text = std::to_string(index) + ":";
    for (std::size_t word = 0; word < count; ++word) text += ' ' + std::string(1 + (index + word) % 9, 'w');
    return text;
}

class world {
 public:
    explicit world(std::uint64_t seed);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    outcome_of_world run();

 private:
    client_options options();
    void plan_calls();
    void start();
    awaitable<void> begin(std::size_t index);
    awaitable<void> begin_group(std::vector<std::size_t> members);
    awaitable<void> read_events(call& mine, chat_stream answer);
    void cancel(std::size_t group);
    awaitable<void> shut_down();

    void settle();
    bool is_explicable(const call& mine) const;
    bool is_refusal(const error& failure) const;
    void check_call(std::size_t index);
    void check_order();
    void check_ledger();
    void check_nothing_left();
    std::string description() const;
    void complain(std::string what);
    void complain(std::size_t index, const std::string& what);
    microseconds since_start(clock::time_point when) const {
        return std::chrono::duration_cast<microseconds>(when - start_);
    }
    std::string prompt(std::size_t index) const { return words(index, calls_[index].words); }

    // Streams of chance of their own: more calls do not change the network.
    dice shape_;
    dice call_dice_;

    asio::io_context loop_{1};
    testing::virtual_clock time_{loop_};
    clock::time_point start_ = time_.now();

    // What the world is like.
    bool is_calm_ = false;  // no fault at all
    bool http2_ = false;
    misfortune luck_;
    http::limits limits_;
    policy::pool_options pool_;
    std::optional<microseconds> closes_at_;  // in the middle of it
    bool ends_abruptly_ = false;             // then: by destruction
    bool servers_are_slow_ = false;          // the slowest answers take longer than limits allow
    bool servers_end_connections_ = false;   // by themselves: after so many requests, or when idle

    std::shared_ptr<testing::simulated_network> network_;
    std::vector<std::unique_ptr<testing::simulated_server>> servers_;
    std::vector<std::vector<std::pair<clock::time_point, std::size_t>>> arrivals_;  // of calls, at each server
    std::shared_ptr<net::http_transport> transport_;
    std::shared_ptr<gate_witness> traffic_;  // null: none in this world; so the breakers
    std::shared_ptr<circuit_breakers> breakers_;
    std::vector<std::unique_ptr<client>> clients_;  // one a server, over one transport
    std::vector<call> calls_;
    std::vector<std::vector<std::size_t>> groups_;  // gathered together, and cancelled together
    std::vector<std::unique_ptr<asio::cancellation_signal>> signals_;
    std::vector<std::size_t> group_ends_;
    std::optional<clock::time_point> closed_at_;
    bool has_closed_ = false;
    bool is_over_ = false;
    outcome_of_world result_;
};

world::world(std::uint64_t seed) : shape_(seed * 4), call_dice_(seed * 4 + 3), luck_(seed) {
    is_calm_ = shape_.percent(20);
    constexpr std::size_t rates[] = {3, 10, 30, 60};
    const std::size_t percent = is_calm_ ? 0 : rates[shape_.between(0, 3)];
#ifdef CHORUS_WITH_HTTP2
    http2_ = shape_.percent(50);
#endif
    luck_.set(percent, http2_);
    limits_.connect = std::chrono::milliseconds(shape_.between(500, 5'000));
    limits_.first_byte = std::chrono::milliseconds(shape_.between(2'000, 10'000));
    limits_.idle = std::chrono::milliseconds(shape_.between(1'000, 8'000));
    if (is_calm_) limits_.first_byte = limits_.idle = 10min;
    limits_.content_idle = std::chrono::milliseconds(is_calm_ ? 600'000 : shape_.between(4'000, 12'000));
    limits_.write = std::chrono::milliseconds(shape_.between(1'000, 5'000));
    limits_.pool_wait = std::chrono::milliseconds(is_calm_ ? 600'000 : shape_.between(500, 20'000));
    limits_.total = std::chrono::milliseconds(is_calm_ ? 600'000 : shape_.between(5'000, 30'000));
    pool_.max_connections = shape_.between(1, 8);
    pool_.max_connections_per_origin = shape_.between(1, pool_.max_connections);
    pool_.max_connecting = shape_.between(1, 4);
    pool_.idle_timeout_plain = std::chrono::milliseconds(shape_.between(100, 10'000));
    if (!is_calm_ && shape_.percent(20)) closes_at_ = shape_.between(0us, 8s);
    ends_abruptly_ = shape_.percent(50);

    if (shape_.percent(30)) {
        traffic_options most;
        if (shape_.percent(50)) most.requests_per_minute = static_cast<std::int64_t>(shape_.between(5, 200));
        most.max_concurrency = shape_.between(1, 4);
        most.adaptive = shape_.percent(50);
        most.head_start = std::chrono::milliseconds(shape_.between(0, 20'000));
        traffic_ = std::make_shared<gate_witness>(loop_.get_executor(), most,
                                                  [this](std::string what) { complain(std::move(what)); });
    }
    if (!is_calm_ && shape_.percent(30)) {
        breakers_ = std::make_shared<circuit_breakers>(loop_.get_executor());
    }
    network_ = std::make_shared<testing::simulated_network>(loop_.get_executor());
    network_->plan([this](const http::origin&) { return luck_.next_connection(); });
    const std::size_t count = shape_.between(1, 3);
    transport_ = net::http_transport::create(loop_.get_executor(), pool_, {},
                                             http2_ ? http::protocol::http2 : http::protocol::http1,
                                             policy::proxy_settings::none(), network_)
                     .value();
    for (std::size_t index = 0; index < count; ++index) {
        testing::mock_options behaviour;
        behaviour.body_bytes(0).http2(http2_).max_concurrent_streams(static_cast<std::uint32_t>(shape_.between(1, 10)));
        // What ends connections makes the transport send requests again, which then come later than others.
        const bool tires = !is_calm_ && shape_.percent(30);
        if (tires) behaviour.max_requests_per_connection(shape_.between(1, 5));
        const bool leaves = !is_calm_ && shape_.percent(30);
        if (leaves) behaviour.idle_close(std::chrono::milliseconds(shape_.between(50, 3'000)));
        servers_end_connections_ = servers_end_connections_ || tires || leaves;
        if (shape_.percent(30)) behaviour.keep_alive_header();
        if (shape_.percent(50)) behaviour.chunk_bytes(shape_.between(20, 700));
        if (shape_.percent(50)) behaviour.stream_record_bytes(shape_.between(0, 4'000));
        if (shape_.percent(50)) behaviour.stream_interval(std::chrono::milliseconds(shape_.between(0, 200)));
        if (shape_.percent(70)) {
            servers_are_slow_ = true;
            const auto seed_of_latency = shape_.next();
            behaviour.latency(testing::mock_latency::lognormal(300ms, 1.0, seed_of_latency));
        }
        const std::string host = std::string(1, static_cast<char>('a' + index)) + ".test";
        auto server = std::make_unique<testing::simulated_server>(*network_, host, behaviour);
        server->service().script().expect().times(SIZE_MAX).reply_with(
            [this](const mock_request& request, mock_reply& answer) { luck_.answer(request, answer); });
        server->service().on_request([this, index](const mock_request& request) {
            std::size_t number = 0;
            std::from_chars(request.prompt.data(), request.prompt.data() + request.prompt.size(), number);
            arrivals_[index].emplace_back(time_.now(), number);
        });
        openai api;
        api.base_url(server->base_url()).api_key("sk-simulated");
        clients_.push_back(std::make_unique<client>(loop_.get_executor(), api, transport_, options()));
        servers_.push_back(std::move(server));
    }
    arrivals_.resize(count);
    plan_calls();
}

world::~world() {
    clients_.clear();
    transport_.reset();
    servers_.clear();
}

client_options world::options() {
    client_options all;
    all.limits(limits_).random_seed(shape_.next());
    policy::retry_options again;
    again.max_attempts = static_cast<int>(shape_.between(1, 4));
    all.retries(again);
    if (traffic_) all.gate(traffic_);
    if (breakers_) all.gate(breakers_);
    return all;
}

// --- the calls --------------------------------------------------------------------------------------------------------

void world::plan_calls() {
    const std::size_t count = call_dice_.between(2, 10);
    const auto spread = call_dice_.between(0us, traffic_ ? 2s : 10s);  // where they meet, they have to wait
    calls_.resize(count);
    for (call& each : calls_) {
        each.how = static_cast<manner>(call_dice_.between(0, 4));
        if (each.how == manner::abandoned && is_calm_) each.how = manner::whole;  // they cost connections
        each.server = call_dice_.between(0, servers_.size() - 1);
        each.words = call_dice_.between(0, call_dice_.percent(2) ? 300 : 8);
        each.left_after = call_dice_.between(0, 8);
        each.pause = call_dice_.between(0us, 200ms);
        each.begins = call_dice_.between(0us, spread);
        if (is_calm_) continue;
        each.priority = static_cast<chorus::priority>(call_dice_.between(0, 2));  // else they arrive out of order
        if (call_dice_.percent(15)) each.own_limit = std::chrono::milliseconds(call_dice_.between(1, 3'000));
        if (call_dice_.percent(15)) each.cancelled_after = call_dice_.between(0us, 4s);
    }
    // The order of their beginning is that of their numbers, also where the times are equal.
    std::sort(calls_.begin(), calls_.end(),
              [](const call& left, const call& right) { return left.begins < right.begins; });
    for (std::size_t index = 0; index < count;) {
        const std::size_t size =
            call_dice_.percent(20) ? std::min(call_dice_.between(2, 6), count - index) : std::size_t{1};
        std::vector<std::size_t> members;
        for (std::size_t end = index + size; index < end; ++index) {
            calls_[index].begins = calls_[end - 1].begins;
            calls_[index].cancelled_after = calls_[end - 1].cancelled_after;
            members.push_back(index);
        }
        groups_.push_back(std::move(members));
    }
}

awaitable<void> world::read_events(call& mine, chat_stream answer) {
    for (std::size_t events = 0;; ++events) {
        mine.queued = answer.accumulated().timing().queue;
        if (mine.how == manner::abandoned && events == mine.left_after) co_return;
        auto event = co_await answer.try_next();
        if (!event) {
            mine.failure = event.error();
            co_return;
        }
        if (!*event) break;
        if (const auto* piece = std::get_if<text_event>(&**event)) mine.answer += piece->text;
        if (mine.how == manner::slow) {
            mine.paused += mine.pause;
            co_await sleep_for(mine.pause);
        }
    }
    mine.is_whole = true;
    if (answer.accumulated().text() != mine.answer) complain("the events and the whole of a stream differ");
}

awaitable<void> world::begin(std::size_t index) {
    call& mine = calls_[index];
    mine.has_begun = true;
    mine.began = time_.now();
    chat_request request("model");
    request.user(prompt(index)).priority(mine.priority);
    if (mine.own_limit) request.timeout(*mine.own_limit);
    client& llm = *clients_[mine.server];
    try {
        if (mine.how == manner::whole || mine.how == manner::streamed) {
            auto work = mine.how == manner::whole ? llm.try_complete(std::move(request))
                                                  : llm.stream(std::move(request)).try_finish();
            const auto outcome = co_await std::move(work);
            if (outcome) {
                mine.answer = outcome->text();
                mine.queued = outcome->timing().queue;
                mine.is_whole = true;
            } else {
                mine.failure = outcome.error();
            }
        } else {
            auto work = read_events(mine, llm.stream(std::move(request)));
            co_await std::move(work);
        }
    } catch (...) {
        mine.failure = error::from_exception(std::current_exception());
    }
    if (const chat_response* part = mine.failure.partial()) mine.answer = part->text();
    if (mine.failure.code()) mine.queued = mine.failure.queued();
    mine.ended = time_.now();
    ++mine.times_ended;
    if (is_over_) complain(index, "ends after everything was closed");
}

awaitable<void> world::begin_group(std::vector<std::size_t> members) {
    co_await sleep_until(start_ + calls_[members.front()].begins);
    if (members.size() == 1) {
        co_await begin(members.front());
        co_return;
    }
    std::vector<awaitable<void>> all;
    for (const std::size_t index : members) all.push_back(begin(index));
    co_await gather(std::move(all));
}

void world::cancel(std::size_t group) {
    for (const std::size_t index : groups_[group]) {
        if (calls_[index].times_ended == 0) calls_[index].cancelled_at = time_.now();
    }
    signals_[group]->emit(asio::cancellation_type::terminal);
}

void world::start() {
    group_ends_.resize(groups_.size());
    for (std::size_t group = 0; group < groups_.size(); ++group) {
        signals_.push_back(std::make_unique<asio::cancellation_signal>());
        asio::co_spawn(loop_, begin_group(groups_[group]),
                       asio::bind_cancellation_slot(signals_[group]->slot(), [this, group](const std::exception_ptr&) {
                           ++group_ends_[group];
                       }));
        const call& first = calls_[groups_[group].front()];
        if (!first.cancelled_after) continue;
        asio::co_spawn(
            loop_,
            [](world& self, std::size_t which, clock::time_point when) -> awaitable<void> {
                co_await sleep_until(when);
                self.cancel(which);
            }(*this, group, start_ + first.begins + *first.cancelled_after),
            asio::detached);
    }
    if (closes_at_) asio::co_spawn(loop_, shut_down(), asio::detached);
}

awaitable<void> world::shut_down() {
    if (closes_at_) co_await sleep_until(start_ + *closes_at_);
    closed_at_ = time_.now();
    if (closes_at_ && ends_abruptly_) {
        for (auto& each : clients_) *each = client(loop_.get_executor(), openai().api_key("none"), transport_);
    } else {
        co_await clients_.front()->close();
        if (transport_->pool_stats().in_use > 0) complain("close() ended while a call was under way");
    }
    has_closed_ = true;
}

// --- the invariants ---------------------------------------------------------------------------------------------------

/// Runs until nothing is ready and no deadline is left: whatever has not ended by then never will.
void world::settle() {
    constexpr std::size_t most_steps = 20'000'000;
    std::size_t steps = 0;
    loop_.restart();
    while (loop_.poll_one() != 0 || time_.jump()) {
        if (loop_.stopped()) loop_.restart();
        if (++steps > most_steps || time_.elapsed() > 24h) return complain("the world does not come to rest");
    }
}

std::string world::description() const {
    std::string text = http2_ ? "HTTP/2, " : "HTTP/1.1, ";
    text += std::to_string(servers_.size()) + " servers, " + std::to_string(luck_.percent()) + " % faults, " +
            std::to_string(pool_.max_connections) + " connections, total limit " +
            std::to_string(limits_.total.count()) + " ms";
    if (traffic_) text += ", traffic control";
    if (breakers_) text += ", circuit breakers";
    if (closes_at_) text += ends_abruptly_ ? ", destroyed on the way" : ", closed on the way";
    return text + '\n';
}

void world::complain(std::string what) {
    result_.problems.push_back(std::move(what));
}

void world::complain(std::size_t index, const std::string& what) {
    const call& wrong = calls_[index];
    std::string text =
        "call " + std::to_string(index) + " (manner " + std::to_string(static_cast<int>(wrong.how)) + ") ";
    text += what;
    if (wrong.failure.code()) text += "; its error: " + wrong.failure.message();
    complain(std::move(text));
}

/// Whether what this world did, a limit that has passed, or the owner can cause that error. Everything else is a bug.
bool world::is_explicable(const call& mine) const {
    const misdeeds& done = luck_.done();
    const error& failure = mine.failure;
    const auto lasted = mine.ended - mine.began;
    const bool breaks = done.cuts || done.drops || done.resets || servers_end_connections_;
    switch (static_cast<errc>(failure.code().value())) {
        case errc::client_closed:
            return closed_at_.has_value();
        case errc::circuit_open:
            return breakers_ != nullptr;
        case errc::pool_timed_out:
            return lasted >= limits_.pool_wait;
        case errc::connect_timed_out:
            return done.hung_openings;  // also of one that an earlier call began to open
        case errc::first_byte_timed_out:
            return (done.stalls || done.delays || servers_are_slow_) && lasted >= limits_.first_byte;
        case errc::write_timed_out:
            return done.stalls && lasted >= limits_.write;
        case errc::idle_timed_out:
            return done.stalls && lasted >= limits_.idle;
        case errc::content_timed_out:
            return done.stalls && lasted >= limits_.content_idle;
        case errc::deadline_exceeded:
            return true;  // see `check_call`
        case errc::connect_failed:
            return done.refused_openings;
        case errc::refused:
            return http2_ && breaks;
        case errc::connection_lost:
            return breaks;
        case errc::truncated:
            return breaks || done.shortened || done.garbled;  // a stream of nothing lacks its end
        case errc::protocol_error:
            // Over HTTP/2 servers answer noise in kind, and reset with any code.
            return done.noise_to_clients || (http2_ && (done.noise_to_servers || done.resets));
        case errc::decode_failed:
            return done.noise_to_clients || done.garbled;
        default:
            return is_refusal(failure);
    }
}

/// Whether a server of this world said it, and it got the code that belongs to it.
bool world::is_refusal(const error& failure) const {
    const misdeeds& done = luck_.done();
    // A server that reads noise answers 400 of its own accord.
    if (failure == errc::bad_request && failure.http_status() == 400 && done.noise_to_servers) return true;
    // Traffic control refuses what would wait past its deadline, in the words of the server.
    if (failure == errc::rate_limited && failure.phase() == phase::pool) return traffic_ != nullptr;
    if (!done.statuses.contains(failure.http_status())) return false;
    switch (failure.http_status()) {
        case 400:
            return failure == errc::bad_request;
        case 401:
            return failure == errc::unauthenticated;
        case 404:
            return failure == errc::not_found;
        case 408:
            return failure == errc::request_timeout;
        case 409:
            return failure == errc::conflict;
        case 413:
            return failure == errc::request_too_large;
        case 429:
            return failure == errc::rate_limited || (done.spent_quota && failure == errc::quota_exhausted);
        case 500:
        case 502:
            return failure == errc::server_error;
        case 503:
        case 529:
            return failure == errc::overloaded;
        default:
            return false;
    }
}

void world::check_call(std::size_t index) {
    const call& mine = calls_[index];
    if (mine.times_ended != 1 && mine.has_begun) {
        return complain(index, "ended " + std::to_string(mine.times_ended) + " times");
    }
    if (!mine.has_begun) return complain(index, "never began");
    const std::string right = "echo: " + prompt(index);
    const bool failed = bool(mine.failure.code());
    const bool was_cancelled = mine.failure == condition::cancelled;
    if (mine.is_whole && mine.answer != right) complain(index, "succeeds with a wrong answer: " + mine.answer);
    if (!right.starts_with(mine.answer)) complain(index, "has a part that is none: " + mine.answer);
    if (mine.is_whole && failed) complain(index, "both succeeds and fails");
    if (!mine.is_whole && !failed && mine.how != manner::abandoned) complain(index, "ends without an outcome");
    if (failed && !was_cancelled && !is_explicable(mine)) complain(index, "fails inexplicably");
    if (failed && is_calm_) complain(index, "fails in a world without faults");
    if (was_cancelled && !mine.cancelled_at) complain(index, "was cancelled by nobody");
    if (mine.failure == errc::client_closed && !closed_at_) complain(index, "finds a client closed that is open");
    const auto lasted = mine.ended - mine.began;
    const auto limit = mine.queued + mine.own_limit.value_or(limits_.total);
    if (lasted > limit + mine.paused + tick) {
        complain(index, "lasts " + std::to_string(since_start(start_ + lasted).count()) + " us, past its limit of " +
                            std::to_string(std::chrono::ceil<microseconds>(limit).count()) + " us");
    }
    if (mine.failure == errc::deadline_exceeded && lasted < limit)
        complain(index, "exceeds a deadline that is to come");
    if (mine.cancelled_at && mine.ended > *mine.cancelled_at + tick) complain(index, "goes on after its cancellation");
}

/// Calls of HTTP/1.1 and HTTP/2 alike wait for their connections in order of arrival, and so are sent in that order.
/// What different connections bring at the same moment has none.
void world::check_order() {
    if (!is_calm_) return;
    for (auto& each : arrivals_) {
        std::sort(each.begin(), each.end());
        const auto by_number = [](const auto& left, const auto& right) { return left.second < right.second; };
        if (std::is_sorted(each.begin(), each.end(), by_number)) continue;
        std::string order;
        for (const auto& [when, number] : each) order += ' ' + std::to_string(number);
        complain("waiters are not served in the order of their arrival:" + order);
    }
}

void world::check_ledger() {
    const net::pool_stats stats = transport_->pool_stats();
    if (stats.in_use + stats.connecting + stats.waiting == 0) return;
    complain("the pool has " + std::to_string(stats.in_use) + " connections in use, " +
             std::to_string(stats.connecting) + " being opened and " + std::to_string(stats.waiting) + " waiters");
}

void world::check_nothing_left() {
    if (!has_closed_) complain("close() never ends");
    if (const std::size_t ends = network_->open_ends(); ends > 0) complain(std::to_string(ends) + " streams are left");
    if (const std::size_t left = time_.pending(); left > 0) complain(std::to_string(left) + " deadlines are left");
    for (const auto& each : servers_) {
        const auto& seen = each->service().counters();
        if (seen.open_connections > 0) complain("a server has connections left");
        if (seen.in_flight > 0) complain("a server has requests left");
        for (const std::string& problem : each->problems()) {
            if (problem.find("was not reached") == std::string::npos) complain(problem);
        }
    }
    for (std::size_t group = 0; group < groups_.size(); ++group) {
        if (group_ends_[group] != 1) complain("a gather ended " + std::to_string(group_ends_[group]) + " times");
    }
}

outcome_of_world world::run() {
    start();
    settle();
    for (std::size_t index = 0; index < calls_.size(); ++index) check_call(index);
    check_order();
    check_ledger();
    if (!closes_at_) {
        asio::co_spawn(loop_, shut_down(), asio::detached);
        settle();
    }
    check_nothing_left();
    is_over_ = true;
    if (traffic_) {
        traffic_->close();
        result_.waits = traffic_->waits();
        result_.turns = traffic_->turns();
    }
    clients_.clear();
    transport_.reset();
    if (loop_.poll() != 0 && time_.pending() > 0) complain("something runs on after close()");

    result_.story = description();
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (std::size_t index = 0; index < calls_.size(); ++index) {
        const call& each = calls_[index];
        std::string line = std::to_string(index) + " from " + std::to_string(since_start(each.began).count()) +
                           " us to " + std::to_string(since_start(each.ended).count()) + " us: ";
        line += each.failure.code() ? each.failure.message() : each.is_whole ? "answered" : "left";
        line += ", " + std::to_string(each.answer.size()) + " bytes\n";
        for (const char byte : line) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
        result_.story += line;
        ++result_.counts[each.failure.code() ? each.failure.code().value() : 0];
    }
    result_.trace = hash;
    result_.calls = calls_.size();
    return std::move(result_);
}

}  // namespace

outcome_of_world run_world(std::uint64_t seed) {
    world made(seed);
    return made.run();
}

}  // namespace chorus::simulation
