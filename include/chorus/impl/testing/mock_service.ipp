#pragma once

#include <chorus/testing/mock_service.hpp>

#include <algorithm>

namespace chorus::testing {

CHORUS_DECL mock_service::mock_service(const mock_options& options)
    : latency_(options.get().latency), chunk_bytes_(options.get().chunk_bytes), record_limit_(options.get().record) {
    behaviour_.api_key(options.get().api_key).body_bytes(options.get().body_bytes);
}

CHORUS_DECL void mock_service::begin(mock_request& request, mock_reply& reply) {
    begin(request, reply, owed_);
    write(owed_, reply);
}

CHORUS_DECL void mock_service::begin(mock_request& request, mock_reply& reply, mock_completion& owed) {
    owed.number = 0;
    ++counters_.requests;
    counters_.peak_in_flight = std::max(counters_.peak_in_flight, ++counters_.in_flight);
    mock_openai::understand(request);
    if (recorded_.size() < record_limit_) recorded_.push_back(request);
    if (observer_) observer_(request);
    if (!script_.next(request, reply)) behaviour_.decide(request, reply, owed);
    if (!reply.latency) reply.latency = latency_.next();
    if (reply.chunk_bytes == 0) reply.chunk_bytes = chunk_bytes_;
}

CHORUS_DECL void mock_service::end(outcome how) noexcept {
    --counters_.in_flight;
    if (how == outcome::replied) ++counters_.replies;
    if (how == outcome::abandoned) ++counters_.abandoned;
}

}  // namespace chorus::testing
