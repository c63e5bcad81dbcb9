#include "misfortune.hpp"

#include <chorus/testing/mock_refusal.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace chorus::simulation {

using namespace std::chrono_literals;
using testing::mock_fault;
using testing::mock_reply;
using testing::mock_request;
using testing::simulated_connection;
using testing::simulated_direction;
using testing::simulated_fault;
using testing::simulated_opening;

void misfortune::spoil(simulated_direction& direction, bool& has_noise) {
    constexpr simulated_fault faults[] = {simulated_fault::reset, simulated_fault::end, simulated_fault::half_close,
                                          simulated_fault::stall, simulated_fault::garbage};
    direction.fault = faults[network_.between(0, 4)];
    direction.fault_after = network_.between(0, network_.percent(50) ? 400 : 4'000);
    if (network_.percent(50)) direction.stall_for = network_.between(10ms, 20s);
    direction.noise = network_.next();
    switch (direction.fault) {
        case simulated_fault::stall:
            done_.stalls = true;
            break;
        case simulated_fault::garbage:
            has_noise = true;
            break;
        default:
            done_.cuts = true;
    }
}

simulated_connection misfortune::next_connection() {
    simulated_connection plan;
    plan.opens_after = network_.between(0us, 300ms);
    plan.to_server.segment_bytes = network_.percent(10) ? network_.between(10, 100) : 1460;
    plan.to_client.segment_bytes = network_.percent(10) ? network_.between(10, 100) : 1460;
    plan.to_client.latency = network_.between(0us, 150ms);
    if (is_calm()) {
        plan.to_server.latency = 20ms;  // the same for all: the order of sending is that of arrival
        return plan;
    }
    plan.to_server.latency = network_.between(0us, 150ms);
    plan.to_server.buffer_bytes = network_.percent(30) ? network_.between(100, 2'000) : 65'536;
    plan.to_client.buffer_bytes = network_.percent(30) ? network_.between(100, 2'000) : 65'536;
    if (network_.percent(20)) plan.to_server.bytes_per_second = network_.between(2'000, 1'000'000);
    if (network_.percent(20)) plan.to_client.bytes_per_second = network_.between(2'000, 1'000'000);
    if (!network_.percent(percent_)) return plan;
    switch (network_.between(0, 5)) {
        case 0:
            plan.opening = simulated_opening::refused;
            done_.refused_openings = true;
            break;
        case 1:
            plan.opening = simulated_opening::hangs;
            done_.hung_openings = true;
            break;
        case 2:
            spoil(plan.to_server, done_.noise_to_servers);
            break;
        default:
            spoil(plan.to_client, done_.noise_to_clients);
    }
    return plan;
}

void misfortune::refuse(mock_reply& reply) {
    constexpr int statuses[] = {400, 401, 404, 408, 409, 413, 429, 429, 429, 429, 500, 502, 503, 529};
    reply.status = statuses[server_.between(0, 13)];
    done_.statuses.insert(reply.status);
    reply.headers.add("content-type", "application/json");
    bool is_spent = false;
    if (server_.percent(20)) {
        reply.body = "<html>upstream is busy</html>";
    } else {
        is_spent = reply.status == 429 && server_.percent(10);
        testing::append_openai_error(reply.body, "simulated", "simulated_error", is_spent ? "insufficient_quota" : "");
    }
    done_.spent_quota = done_.spent_quota || is_spent;
    if (reply.status != 429 && reply.status != 503) return;
    const std::size_t wait_ms = server_.between(0, 4'000);
    if (server_.percent(30)) reply.headers.add("retry-after", std::to_string(wait_ms / 1000));
    if (server_.percent(30)) reply.headers.add("retry-after-ms", std::to_string(wait_ms));
}

/// A success that is none.
void misfortune::garble(mock_reply& reply) {
    constexpr std::string_view bodies[] = {"",
                                           "{}",
                                           "not JSON",
                                           R"({"object":"list","data":[]})",
                                           R"({"choices":[{"message":{"role":"assistant","content":"echo)",
                                           "<html>welcome to the hotel</html>"};
    const std::string_view body = bodies[server_.between(0, 5)];
    if (!http2_ && server_.percent(40)) {  // a length that is wrong
        const std::size_t promised = body.size() + server_.between(1, 50);
        reply.raw = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(promised) +
                    "\r\n\r\n" + std::string(body);
        reply.close_after = true;
        done_.shortened = true;
        return;
    }
    reply.headers.add("content-type", server_.percent(50) ? "application/json" : "text/event-stream");
    reply.body = body;
    done_.garbled = true;
}

void misfortune::answer(const mock_request& request, mock_reply& reply) {
    if (!server_.percent(percent_)) return echo_.answer(request, reply);
    switch (server_.between(0, 9)) {
        case 0:
        case 1:
        case 2:
            return refuse(reply);
        case 3:
            return garble(reply);
        case 4:
            reply.fault = mock_fault::drop;
            done_.drops = true;
            break;
        case 5:
            reply.fault = mock_fault::stall;
            done_.stalls = true;
            break;
        case 6:
            reply.fault = mock_fault::reset;
            done_.resets = true;
            reply.error_code = static_cast<std::uint32_t>(server_.between(0, 13));
            break;
        case 7:
            reply.fault = mock_fault::go_away;
            done_.drops = true;
            break;
        case 8:  // dies in the middle, also of the head
            reply.fault = server_.percent(50) ? mock_fault::drop : mock_fault::stall;
            reply.fault_after = server_.between(1, 1'500);
            (reply.fault == mock_fault::drop ? done_.drops : done_.stalls) = true;
            break;
        default:
            reply.latency = server_.between(1s, 40s);
            done_.delays = true;
            break;
    }
    echo_.answer(request, reply);
}

}  // namespace chorus::simulation
