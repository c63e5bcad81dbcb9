#pragma once

#include <chorus/async/sleep.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/observe/otlp_exporter.hpp>
#include <chorus/shared_new.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <iterator>
#include <random>
#include <span>
#include <utility>

namespace chorus {

namespace detail {

/// OTLP/HTTP 1.x, "Failures": these may be sent again, all others must not.
CHORUS_DECL bool may_export_again(int status) noexcept {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/// How many spans a collector did not take although it answered 200.
CHORUS_DECL std::int64_t rejected_spans(std::string_view body) {
    std::int64_t rejected = 0;
    json::reader in(body);
    in.object([&](std::string_view key) {
        if (key != "partialSuccess") return;
        in.object([&](std::string_view inner) {
            if (inner == "rejectedSpans") in.read(rejected);
        });
    });
    return rejected;
}

CHORUS_DECL void fill_with_random(std::span<std::uint8_t> id, std::mt19937_64& numbers) {
    do {  // all zeros is no id
        for (std::uint8_t& byte : id) byte = static_cast<std::uint8_t>(numbers() >> 56);
    } while (std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; }));
}

}  // namespace detail

struct otlp_exporter::state {
    state(std::shared_ptr<net::transport> via, otlp_options chosen, wall_clock clock)
        : transport(std::move(via)), options(std::move(chosen)), now(clock) {
        std::random_device entropy;
        std::seed_seq seed{entropy(), entropy(), entropy(), entropy()};
        ids.seed(seed);
    }
    result<http::request> encode(const std::vector<span>& spans) const;

    std::shared_ptr<net::transport> transport;
    otlp_options options;
    wall_clock now;
    std::mt19937_64 ids;
    std::deque<span> waiting;
    std::size_t sending = 0;
    otlp_stats stats;
};

CHORUS_DECL otlp_exporter::otlp_exporter(std::shared_ptr<net::transport> transport, otlp_options options,
                                         wall_clock now)
    : state_(detail::shared_new<state>(std::move(transport), std::move(options), now)) {}

CHORUS_DECL otlp_stats otlp_exporter::stats() const noexcept {
    otlp_stats now = state_->stats;
    now.waiting = state_->waiting.size() + state_->sending;
    return now;
}

CHORUS_DECL void otlp_exporter::on_end(const call_info& call, const call_end& end) noexcept {
    state& self = *state_;
    if (self.waiting.size() + self.sending >= self.options.most_waiting) {
        ++self.stats.dropped;
        return;
    }
    try {
        span made = make_span(call, end, self.now());
        detail::fill_with_random(made.trace_id, self.ids);
        detail::fill_with_random(made.span_id, self.ids);
        self.waiting.push_back(std::move(made));
    } catch (const std::bad_alloc&) {
        ++self.stats.dropped;
    }
}

/// Spans on their way. What is not settled when it goes waits again, in its old place.
class otlp_exporter::batch {
 public:
    batch(state& owner, std::size_t count) : owner_(owner) {
        const auto end = owner.waiting.begin() + static_cast<std::ptrdiff_t>(count);
        spans_.assign(std::make_move_iterator(owner.waiting.begin()), std::make_move_iterator(end));
        owner.waiting.erase(owner.waiting.begin(), end);
        owner.sending += count;
    }
    ~batch() {
        owner_.sending -= spans_.size();
        if (is_settled_) return;
        try {
            owner_.waiting.insert(owner_.waiting.begin(), std::make_move_iterator(spans_.begin()),
                                  std::make_move_iterator(spans_.end()));
        } catch (const std::bad_alloc&) {
            owner_.stats.dropped += spans_.size();
        }
    }
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    const std::vector<span>& spans() const noexcept { return spans_; }

    void settle(std::uint64_t rejected) noexcept {
        is_settled_ = true;
        rejected = std::min<std::uint64_t>(rejected, spans_.size());
        owner_.stats.rejected += rejected;
        owner_.stats.exported += spans_.size() - rejected;
    }

 private:
    state& owner_;
    std::vector<span> spans_;
    bool is_settled_ = false;
};

CHORUS_DECL result<http::request> otlp_exporter::state::encode(const std::vector<span>& spans) const {
    const auto endpoint = http::url::parse(options.endpoint);
    if (!endpoint) return endpoint.error();
    const http::url where = endpoint->join("/v1/traces");
    http::request message;
    message.origin = where.origin();
    message.target = where.target();
    message.headers = options.headers;
    message.headers.set("content-type", "application/json");
    message.body = to_otlp_json(spans, options.resource_attributes);
    return message;
}

CHORUS_DECL awaitable<result<void>> otlp_exporter::flush() {
    return flush(state_);
}

CHORUS_DECL awaitable<void> otlp_exporter::export_every(std::chrono::milliseconds pause) {
    return export_every(state_, pause);
}

CHORUS_DECL awaitable<result<void>> otlp_exporter::flush(std::shared_ptr<state> self) {
    std::size_t left = self->waiting.size();  // not what comes meanwhile, or it might never end
    while (left > 0 && !self->waiting.empty()) {
        const std::size_t count =
            std::min({left, self->waiting.size(), std::max<std::size_t>(self->options.most_in_request, 1)});
        left -= count;
        batch sent(*self, count);
        const auto message = self->encode(sent.spans());
        if (!message) co_return message.error();
        http::response answer;
        result<void> received;
        try {
            received = co_await self->transport->send(*message, self->options.limits, answer);
        } catch (...) {
            // Cancelled between two requests: then the next one is not sent.
            received = error::from_exception(std::current_exception());
        }
        if (!received) co_return received.error();
        if (answer.status >= 200 && answer.status < 300) {
            const std::int64_t rejected = detail::rejected_spans(answer.body);
            sent.settle(rejected < 0 ? 0 : static_cast<std::uint64_t>(rejected));
            continue;
        }
        if (!detail::may_export_again(answer.status)) sent.settle(count);
        error failure(errc::unexpected_status, "the collector did not take the spans");
        failure.phase(phase::status).http_status(answer.status).body(std::move(answer.body));
        co_return failure;
    }
    co_return result<void>();
}

CHORUS_DECL awaitable<void> otlp_exporter::export_every(std::shared_ptr<state> self, std::chrono::milliseconds pause) {
    while (true) {
        co_await sleep_for(pause);
        const auto flushed = co_await flush(self);
        static_cast<void>(flushed);  // what failed is still waiting, or counted
    }
}

}  // namespace chorus
