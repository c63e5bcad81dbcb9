#pragma once

#include <chorus/testing/mock_service.hpp>

#include <algorithm>

namespace chorus::testing {

CHORUS_DECL mock_service::mock_service(const mock_options& options)
    : latency_(options.get().latency),
      chunk_bytes_(options.get().chunk_bytes),
      stream_interval_(options.get().stream_interval),
      stream_record_bytes_(options.get().stream_record_bytes),
      record_limit_(options.get().record) {
    const mock_options::values& chosen = options.get();
    const mock_portions portions{.count = chosen.stream_chunks, .event_bytes = chosen.stream_chunk_bytes};
    openai_.api_key(chosen.api_key).body_bytes(chosen.body_bytes).thinking(chosen.thinking).portions(portions);
    anthropic_.api_key(chosen.api_key).body_bytes(chosen.body_bytes).portions(portions);
}

CHORUS_DECL void mock_service::begin(mock_request& request, mock_reply& reply) {
    begin(request, reply, owed_);
    write(owed_, reply);
}

CHORUS_DECL void mock_service::begin(mock_request& request, mock_reply& reply, mock_completion& owed) {
    owed.number = 0;
    ++counters_.requests;
    counters_.peak_in_flight = std::max(counters_.peak_in_flight, ++counters_.in_flight);
    const bool for_anthropic = mock_anthropic::serves(request);
    for_anthropic ? mock_anthropic::understand(request) : mock_openai::understand(request);
    if (recorded_.size() < record_limit_) recorded_.push_back(request);
    if (observer_) observer_(request);
    if (!script_.next(request, reply)) {
        for_anthropic ? anthropic_.decide(request, reply, owed) : openai_.decide(request, reply, owed);
    }
    if (!reply.latency) reply.latency = latency_.next();
    if (reply.chunk_bytes == 0) reply.chunk_bytes = chunk_bytes_;
}

CHORUS_DECL void mock_service::write(const mock_completion& owed, mock_reply& reply) {
    owed.format == mock_format::anthropic ? anthropic_.write(owed, reply) : openai_.write(owed, reply);
    if (reply.stream) reply.stream->set_defaults(stream_interval_, stream_record_bytes_);
}

CHORUS_DECL void mock_service::stream_began() noexcept {
    counters_.peak_streams = std::max(counters_.peak_streams, ++counters_.streams_open);
}

CHORUS_DECL void mock_service::end(outcome how) noexcept {
    --counters_.in_flight;
    if (how == outcome::replied) ++counters_.replies;
    if (how == outcome::abandoned) ++counters_.abandoned;
}

}  // namespace chorus::testing
