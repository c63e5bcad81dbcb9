#pragma once

#include <chorus/json/text.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/observe/error_type.hpp>
#include <chorus/observe/metrics.hpp>

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

namespace chorus {

namespace detail {

inline constexpr std::size_t other_outcome = 63;
inline constexpr std::string_view many_operations = "other";
static_assert([] {
    for (const auto& known : errc_names) {
        if (static_cast<std::size_t>(known.code) >= other_outcome) return false;
    }
    return true;
}());

CHORUS_DECL std::string_view outcome_name(std::size_t outcome) noexcept {
    if (outcome == 0) return "ok";
    return outcome == other_outcome ? "other" : name_of(static_cast<errc>(outcome));
}

/// A number that a snapshot holds under this name, and what it means.
struct metric_field {
    const char* name;
    const char* help;
    std::uint64_t metrics_snapshot::*value;
    bool is_gauge = false;
};
struct token_field {
    const char* kind;
    std::int64_t metrics_snapshot::*value;
};
struct latency_field {
    const char* name;
    const char* help;
    latency_histogram metrics_snapshot::*value;
};

inline constexpr metric_field metric_fields[] = {
    {"calls_started", "Calls made.", &metrics_snapshot::started},
    {"calls_limited", "Calls that waited for the limits of their server.", &metrics_snapshot::limited},
    {"calls_refused", "Calls that the limits of their server, a budget or a breaker refused.",
     &metrics_snapshot::refused},
    {"calls_in_flight", "Calls under way, waiting ones too.", &metrics_snapshot::in_flight, true},
    {"calls_in_flight_peak", "The most calls that were under way at once.", &metrics_snapshot::peak_in_flight, true},
    {"attempts", "Requests sent.", &metrics_snapshot::attempts},
    {"retries", "Attempts that failed and were followed by another one.", &metrics_snapshot::retries},
    {"sent_bytes", "Bytes of request bodies.", &metrics_snapshot::bytes_sent},
    {"received_bytes", "Bytes of response bodies.", &metrics_snapshot::bytes_received},
    {"connections_opened", "Connections made by a full handshake.", &metrics_snapshot::connections_opened},
    {"connections_resumed", "Connections made by resuming a TLS session.", &metrics_snapshot::connections_resumed},
    {"connections_reused", "Requests on a connection that had served another.", &metrics_snapshot::connections_reused},
    {"connections_closed", "Connections closed.", &metrics_snapshot::connections_closed},
    {"connections_failed", "Connections that could not be made.", &metrics_snapshot::connections_failed},
    {"pool_timeouts", "Waits for a connection that were in vain.", &metrics_snapshot::pool_timeouts},
    {"pauses", "Pauses of all calls to a model, as its server asked.", &metrics_snapshot::pauses},
    {"circuits_opened", "Times that calls to a server were suspended.", &metrics_snapshot::circuits_opened},
};
inline constexpr token_field token_fields[] = {
    {"prompt", &metrics_snapshot::prompt_tokens},       {"completion", &metrics_snapshot::completion_tokens},
    {"cached", &metrics_snapshot::cached_tokens},       {"cache_write", &metrics_snapshot::cache_write_tokens},
    {"reasoning", &metrics_snapshot::reasoning_tokens},
};
inline constexpr latency_field latency_fields[] = {
    {"call_duration_seconds", "From the call to its end.", &metrics_snapshot::total},
    {"queue_duration_seconds", "Waiting for limits and connections.", &metrics_snapshot::queued},
    {"first_byte_seconds", "From the request to its response.", &metrics_snapshot::first_byte},
    {"first_token_seconds", "From the call to the first text of a stream.", &metrics_snapshot::first_token},
};

/// Prometheus, text format: in the value of a label `\`, `"` and the line feed are escaped; it is UTF-8.
CHORUS_DECL std::string prometheus_label(std::string_view value) {
    std::string clean, escaped;
    json::append_repaired(clean, value);
    for (const char c : clean) {
        if (c == '\n') {
            escaped += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

CHORUS_DECL std::string seconds_text(std::chrono::nanoseconds length) {
    char digits[32];
    const double seconds = std::chrono::duration<double>(length).count();
    return std::string(digits, std::to_chars(digits, digits + sizeof(digits), seconds).ptr);
}

CHORUS_DECL void prometheus_head(std::string& out, std::string_view name, std::string_view help,
                                 std::string_view type) {
    out.append("# HELP chorus_").append(name).append(" ").append(help).append("\n# TYPE chorus_").append(name);
    out.append(" ").append(type).append("\n");
}

CHORUS_DECL void prometheus_line(std::string& out, std::string_view name, std::string_view labels,
                                 const std::string& value) {
    out.append("chorus_").append(name).append(labels).append(" ").append(value).append("\n");
}

CHORUS_DECL void add_outcomes(metrics_snapshot::operation& into, const metrics_snapshot::operation& from) {
    for (const auto& [type, calls] : from.outcomes) {
        const auto same = std::find_if(into.outcomes.begin(), into.outcomes.end(),
                                       [name = type](const auto& outcome) { return outcome.type == name; });
        if (same != into.outcomes.end()) {
            same->calls += calls;
        } else {
            into.outcomes.insert(type == "ok" ? into.outcomes.begin() : into.outcomes.end(), {type, calls});
        }
    }
}

}  // namespace detail

CHORUS_DECL std::uint64_t metrics_snapshot::calls(std::string_view operation_name,
                                                  std::string_view outcome_type) const noexcept {
    for (const auto& one : operations) {
        if (one.name != operation_name) continue;
        for (const auto& [type, calls] : one.outcomes) {
            if (type == outcome_type) return calls;
        }
    }
    return 0;
}

CHORUS_DECL double metrics_snapshot::reuse_rate() const noexcept {
    const std::uint64_t all = connections_opened + connections_resumed + connections_reused;
    return all == 0 ? 0 : static_cast<double>(connections_reused) / static_cast<double>(all);
}

CHORUS_DECL metrics_snapshot& metrics_snapshot::operator+=(const metrics_snapshot& other) {
    for (const auto& theirs : other.operations) {
        auto ours = std::find_if(operations.begin(), operations.end(),
                                 [&theirs](const operation& one) { return one.name == theirs.name; });
        if (ours == operations.end()) {
            operations.push_back(theirs);
        } else {
            detail::add_outcomes(*ours, theirs);
        }
    }
    for (const auto& field : detail::metric_fields) this->*field.value += other.*field.value;
    for (const auto& field : detail::token_fields) this->*field.value += other.*field.value;
    for (const auto& field : detail::latency_fields) this->*field.value += other.*field.value;
    ended += other.ended;
    failed += other.failed;
    return *this;
}

CHORUS_DECL metrics::metrics() = default;
CHORUS_DECL metrics::~metrics() = default;

CHORUS_DECL metrics_snapshot metrics::snapshot() const {
    metrics_snapshot copy = counts_;
    copy.operations.reserve(by_operation_.size());
    for (const outcomes& one : by_operation_) {
        auto& operation = copy.operations.emplace_back();
        operation.name = one.operation;
        for (std::size_t i = 0; i < outcome_count; ++i) {
            if (one.calls[i] != 0) operation.outcomes.push_back({detail::outcome_name(i), one.calls[i]});
        }
    }
    return copy;
}

CHORUS_DECL void metrics::reset() {
    const std::uint64_t in_flight = counts_.in_flight;
    counts_ = {};
    by_operation_.clear();
    counts_.in_flight = counts_.peak_in_flight = in_flight;
}

CHORUS_DECL std::size_t metrics::outcome_of(const error* failure) noexcept {
    if (failure == nullptr || !failure->code()) return 0;
    const auto& code = failure->code();
    if (code.category() == error_category() && !name_of(static_cast<errc>(code.value())).empty()) {
        return static_cast<std::size_t>(code.value());
    }
    return code == condition::cancelled ? static_cast<std::size_t>(errc::cancelled) : detail::other_outcome;
}

// Null only without memory: then the call is counted in the sums alone.
CHORUS_DECL metrics::outcomes* metrics::of_operation(std::string_view name) noexcept {
    for (auto& one : by_operation_) {
        if (one.operation == name) return &one;
    }
    if (by_operation_.size() >= most_operations) return &by_operation_.back();
    try {
        if (by_operation_.size() + 1 == most_operations) name = detail::many_operations;
        outcomes added;
        added.operation = name;
        by_operation_.push_back(std::move(added));
        return &by_operation_.back();
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

CHORUS_DECL void metrics::on_call(const call_info&) noexcept {
    ++counts_.started;
    if (++counts_.in_flight > counts_.peak_in_flight) counts_.peak_in_flight = counts_.in_flight;
}

CHORUS_DECL void metrics::on_limited(const call_info&, std::chrono::nanoseconds) noexcept {
    ++counts_.limited;
}

CHORUS_DECL void metrics::on_attempt(const call_info&, int) noexcept {
    ++counts_.attempts;
}

CHORUS_DECL void metrics::on_first_byte(const call_info&, std::chrono::nanoseconds since_sent) noexcept {
    counts_.first_byte.record(since_sent);
}

CHORUS_DECL void metrics::on_first_token(const call_info&, std::chrono::nanoseconds since_call) noexcept {
    counts_.first_token.record(since_call);
}

CHORUS_DECL void metrics::on_retry(const call_info&, const error&, std::chrono::milliseconds) noexcept {
    ++counts_.retries;
}

CHORUS_DECL void metrics::on_end(const call_info& call, const call_end& end) noexcept {
    ++counts_.ended;
    if (counts_.in_flight != 0) --counts_.in_flight;
    const std::size_t outcome = outcome_of(end.failure);
    if (outcome != 0) ++counts_.failed;
    if (outcomes* const operation = of_operation(call.operation)) ++operation->calls[outcome];
    counts_.total.record(end.total);
    if (end.attempts > 0 || end.queued > end.queued.zero()) counts_.queued.record(end.queued);
    counts_.bytes_sent += end.bytes_sent;
    counts_.bytes_received += end.bytes_received;
    if (end.tokens == nullptr) return;
    counts_.prompt_tokens += end.tokens->prompt_tokens.value_or(0);
    counts_.completion_tokens += end.tokens->completion_tokens.value_or(0);
    counts_.cached_tokens += end.tokens->prompt.cached_tokens.value_or(0);
    counts_.cache_write_tokens += end.tokens->prompt.cache_write_tokens.value_or(0);
    counts_.reasoning_tokens += end.tokens->completion.reasoning_tokens.value_or(0);
}

CHORUS_DECL void metrics::on_connection(connection_event what, const connection_info&) noexcept {
    switch (what) {
        case connection_event::opened:
            ++counts_.connections_opened;
            return;
        case connection_event::resumed:
            ++counts_.connections_resumed;
            return;
        case connection_event::reused:
            ++counts_.connections_reused;
            return;
        case connection_event::closed:
            ++counts_.connections_closed;
            return;
        case connection_event::failed:
            ++counts_.connections_failed;
            return;
    }
}

CHORUS_DECL void metrics::on_server_limit(limit_event what, const limit_info&) noexcept {
    switch (what) {
        case limit_event::refused:
            ++counts_.refused;
            return;
        case limit_event::pool_timed_out:
            ++counts_.pool_timeouts;
            return;
        case limit_event::paused:
            ++counts_.pauses;
            return;
        case limit_event::circuit_opened:
            ++counts_.circuits_opened;
            return;
        default:  // those that are let through are counted there
            return;
    }
}

// prometheus.io/docs/instrumenting/exposition_formats: all lines of a metric together, counters end in `_total`.
CHORUS_DECL std::string to_prometheus(const metrics_snapshot& counts) {
    std::string out;
    detail::prometheus_head(out, "calls_total", "Calls that ended, by operation and outcome.", "counter");
    for (const auto& operation : counts.operations) {
        const std::string name = detail::prometheus_label(operation.name);
        for (const auto& [type, calls] : operation.outcomes) {
            const std::string labels =
                "{operation=\"" + name + "\",outcome=\"" + detail::prometheus_label(type) + "\"}";
            detail::prometheus_line(out, "calls_total", labels, std::to_string(calls));
        }
    }
    detail::prometheus_head(out, "tokens_total",
                            "Tokens as the servers counted them; cached and cache_write are part "
                            "of prompt, reasoning of completion.",
                            "counter");
    for (const auto& field : detail::token_fields) {
        detail::prometheus_line(out, "tokens_total", std::string("{kind=\"") + field.kind + "\"}",
                                std::to_string(counts.*field.value));
    }
    for (const auto& field : detail::metric_fields) {
        const std::string name = field.is_gauge ? field.name : std::string(field.name) + "_total";
        detail::prometheus_head(out, name, field.help, field.is_gauge ? "gauge" : "counter");
        detail::prometheus_line(out, name, "", std::to_string(counts.*field.value));
    }
    for (const auto& field : detail::latency_fields) {
        const latency_histogram& lengths = counts.*field.value;
        detail::prometheus_head(out, field.name, field.help, "summary");
        for (const char* const share : {"0.5", "0.9", "0.99", "1"}) {
            double quantile = 0;
            std::from_chars(share, share + std::string_view(share).size(), quantile);
            const std::string value = lengths.count() == 0 ? "NaN" : detail::seconds_text(lengths.quantile(quantile));
            detail::prometheus_line(out, field.name, std::string("{quantile=\"") + share + "\"}", value);
        }
        detail::prometheus_line(out, std::string(field.name) + "_sum", "", detail::seconds_text(lengths.sum()));
        detail::prometheus_line(out, std::string(field.name) + "_count", "", std::to_string(lengths.count()));
    }
    return out;
}

CHORUS_DECL std::string to_json(const metrics_snapshot& counts) {
    std::string out;
    json::writer json(out);
    json.begin_object().key("calls").begin_object();
    for (const auto& operation : counts.operations) {
        std::string name;
        json::append_repaired(name, operation.name);
        json.key(name).begin_object();
        for (const auto& [type, calls] : operation.outcomes) json.member(type, calls);
        json.end_object();
    }
    json.end_object().key("tokens").begin_object();
    for (const auto& field : detail::token_fields) json.member(field.kind, counts.*field.value);
    json.end_object().member("calls_ended", counts.ended).member("calls_failed", counts.failed);
    for (const auto& field : detail::metric_fields) json.member(field.name, counts.*field.value);
    for (const auto& field : detail::latency_fields) {
        const latency_histogram& lengths = counts.*field.value;
        json.key(field.name).begin_object().member("count", lengths.count());
        const auto seconds = [&json](std::string_view name, std::chrono::nanoseconds length) {
            json.member(name, std::chrono::duration<double>(length).count());
        };
        seconds("sum", lengths.sum());
        seconds("p50", lengths.quantile(0.5));
        seconds("p90", lengths.quantile(0.9));
        seconds("p99", lengths.quantile(0.99));
        seconds("max", lengths.max());
        json.end_object();
    }
    json.end_object();
    return out;
}

}  // namespace chorus
