#include "stage.hpp"

#include <chorus/provider/openai.hpp>
#include <chorus/testing/recorded_exchange.hpp>

#include <boost/asio/post.hpp>

#include <functional>
#include <string_view>
#include <utility>

namespace chorus::simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::string_view secret_key = "sk-simulated";

openai api_of(const testing::simulated_server& server) {
    return openai().api_key(std::string(secret_key)).base_url(server.base_url());
}

awaitable<void> ask(stage& world) {
    const auto reply = co_await world.llm->try_complete(stage::question());
    if (reply && stage::is_right(*reply)) ++world.neighbours_served;
}

awaitable<void> flush(stage& world) {
    const auto flushed = co_await world.traces->flush();
    if (flushed) ++world.neighbours_served;
}

awaitable<void> close(stage& world, bool& has_closed) {
    co_await world.llm->close();
    has_closed = true;
}

}  // namespace

stage::stage(http::protocol spoken) : version(spoken) {
    // Everything takes its time, so that each wait is one; and limits are longer than all of it, so that a forgotten
    // alarm is noticed.
    http::limits limits;
    limits.connect = limits.first_byte = limits.idle = limits.write = limits.content_idle = limits.pool_wait = 30min;
    limits.total = 60min;
    policy::retry_options again;
    again.first_delay = 100ms;
    options.limits(limits).random_seed(1).retries(again).observer(watcher);
    behaviour.stream_interval(5ms).body_bytes(0).http2(version == http::protocol::http2);
    wire.opens_after = 10ms;
    wire.to_server.latency = wire.to_client.latency = 3ms;
}

stage::~stage() {
    neighbours.clear();
    other.reset();
    recording.reset();
    llm.reset();
    traces.reset();
    transport.reset();
    other_server.reset();
    server.reset();
    if (threads) release_threads();
}

void stage::open() {
    network = std::make_shared<testing::simulated_network>(get_executor());
    network->plan([this](const http::origin&) {
        testing::simulated_connection next = wire;
        if (std::exchange(first_connection_hangs, false)) next.opening = testing::simulated_opening::hangs;
        return next;
    });
    server = std::make_unique<testing::simulated_server>(*network, "one.test", behaviour);
    net::tls_options no_tls;
    no_tls.dangerously_disable_verification();  // there is none, and the roots are dear
    transport =
        net::http_transport::create(get_executor(), pool, no_tls, version, policy::proxy_settings::none(), network)
            .value();
    transport->watch(watcher);
    if (traffic) options.gate(traffic);
    if (breakers) options.gate(breakers);
    if (money) options.gate(money);
    llm = std::make_unique<client>(get_executor(), api_of(*server), transport, options);
}

void stage::open_other() {
    other_server = std::make_unique<testing::simulated_server>(*network, "two.test", behaviour);
    other = std::make_unique<client>(get_executor(), api_of(*other_server), transport, options);
}

chat_request stage::question() {
    return chat_request("model").user("Why?").max_tokens(40);
}

bool stage::is_right(const chat_response& reply) {
    return reply.text() == "echo: Why?";
}

void stage::add_neighbour() {
    add_neighbour(ask(*this));
}

void stage::add_neighbour(awaitable<void> work) {
    neighbours.push_back(spawn(get_executor(), std::move(work)));
}

traffic_key stage::key() const {
    return {server->where(), std::hash<std::string_view>()("Bearer " + std::string(secret_key)), "model"};
}

void stage::run_ready() {
    if (loop.stopped()) loop.restart();
    loop.poll();
}

bool stage::step() {
    if (loop.stopped()) loop.restart();
    if (loop.poll_one() != 0 || time.jump()) return true;
    if (!threads) return false;
    release_threads();
    return step();
}

void stage::occupy_threads() {
    threads = std::make_unique<asio::thread_pool>(1);
    asio::post(*threads, [release = released.get_future()]() mutable { release.wait(); });
}

void stage::release_threads() {
    released.set_value();
    threads->join();
    threads.reset();
}

void stage::rest() {
    run_ready();
    if (threads) release_threads();
    const clock::time_point begun = time.now();
    while (step()) {
        if (time.now() - begun > 10min) return complain("something goes on for more than ten minutes");
    }
}

void stage::check_ledgers() {
    const net::pool_stats counts = pool_stats();
    if (counts.in_use + counts.connecting + counts.waiting > 0) {
        complain("the pool has " + std::to_string(counts.in_use) + " connections in use, " +
                 std::to_string(counts.connecting) + " being opened and " + std::to_string(counts.waiting) +
                 " waiters");
    }
    if (neighbours_served != neighbours.size()) {
        complain("of " + std::to_string(neighbours.size()) + " neighbours " + std::to_string(neighbours_served) +
                 " were served");
    }
    if (watcher->calls != watcher->ends) {
        complain(std::to_string(watcher->calls) + " calls ended " + std::to_string(watcher->ends) + " times");
    }
    if (traffic && (traffic->stats(key()).in_flight > 0 || traffic->stats(key()).waiting > 0)) {
        complain("traffic control counts calls that have ended");
    }
    if (money && money->reserved() != policy::spending_totals()) complain("the budget holds a reservation");
    if (permits && permits->available() != 1) complain("a permit of the semaphore is lost");
    if (permits && permits->waiting() > 0) complain("the semaphore has a waiter left");
    if (gate && gate->waiting() > 0) complain("the event has a waiter left");
    if (traces) {
        const otlp_stats counts = traces->stats();
        if (counts.waiting + counts.exported != spans_made) complain("the exporter has lost spans");
    }
    for (const std::string& line : *recorded) {
        const auto exchange = testing::exchange_from_line(line);
        if (!exchange || exchange->failure.code()) complain("it recorded " + line);
    }
}

void stage::check_use_and_end() {
    if (!is_closed_after) {
        if (traffic || breakers) time.advance(2min);  // what was known of the server is forgotten
        add_neighbour();
        if (traces) add_neighbour(flush(*this));
        rest();
        check_ledgers();
        if (traces && traces->stats().waiting > 0) complain("the exporter keeps spans");
    }
    bool has_closed = false;
    const auto closing = spawn(get_executor(), close(*this, has_closed));
    rest();
    if (!has_closed) complain("close() never ends");
    if (const std::size_t ends = network->open_ends(); ends > 0) complain(std::to_string(ends) + " streams are left");
    for (auto* const each : {server.get(), other_server.get()}) {
        if (each == nullptr) continue;
        const auto& seen = each->service().counters();
        if (seen.open_connections > 0) complain("a server has connections left");
        if (seen.in_flight > 0) complain("a server has requests left");
        if (seen.streams_open > 0) complain("a server has streams left");
        for (const std::string& problem : each->problems()) {
            if (problem.find("was not reached") == std::string::npos) complain(problem);
        }
    }
}

}  // namespace chorus::simulation
