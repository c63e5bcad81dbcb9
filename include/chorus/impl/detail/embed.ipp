#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/async/when_all.hpp>
#include <chorus/detail/call.hpp>
#include <chorus/detail/embed.hpp>
#include <chorus/detail/naming_headers.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::detail {

/// One request while its calls are under way. It lives in the frame that waits for all of them.
struct embedding_job {
    embedding_job(const client_state& shared, embedding_request asked)
        : request(std::move(asked)), deadline(shared, request.options()) {}

    /// The first call is made in any case: it says what is wrong with a request without inputs.
    bool has_more() const noexcept { return answers.empty() || next < request.inputs().size(); }

    embedding_request request;
    shared_deadline deadline;
    std::size_t next = 0;                     // the first input that no call has taken
    std::vector<embedding_response> answers;  // one for each call that has begun
};

/// The call for the next inputs of a job.
struct embedding_question {
    embedding_job* job;
    shared_deadline* deadline;  // of its line of calls
    call_options own;           // with what is left of the time
    std::size_t inputs = 0;
    http::request encoded = {};

    embedding_question(embedding_job& of, shared_deadline& end) : job(&of), deadline(&end), own(of.request.options()) {
        own.timeout = deadline->left();
    }
    call_subject subject() const { return subject_of("embeddings", job->request); }
    const call_options* options() const noexcept { return &own; }
    result<void> encode(const provider& api) {
        // First: a limit that lets nothing happen is a mistake, and not a time that has passed.
        if (const auto valid = validate(job->request.options()); !valid) return valid.error();
        if (const auto in_time = deadline->check(); !in_time) return in_time.error();
        const std::size_t first = job->next;
        auto made = api.encode_embeddings(job->request, job->next);
        if (!made) return made.error();
        inputs = job->next - first;
        encoded = std::move(*made);
        const bool is_only_one = first == 0 && job->next == job->request.inputs().size();
        if (!is_only_one) number(encoded.headers);
        return {};
    }
    http::request& message() noexcept { return encoded; }
    void number(http::headers& of) const {
        for (const std::string_view name : naming_headers) {
            if (of.contains(name)) of.set(name, numbered_name(of.get(name), job->answers.size()));
        }
    }
    result<embedding_response> decode(const provider& api, http::response&& received,
                                      std::chrono::system_clock::time_point now) const {
        deadline->put_off(received.timing.queue);
        return api.decode_embeddings(std::move(received), inputs, now);
    }
};

/// Makes one call after the other until no inputs are left. Several of these share a job.
CHORUS_LAZY awaitable<result<void>> make_embedding_calls(std::shared_ptr<client_state> shared, embedding_job& job) {
    shared_deadline deadline = job.deadline;
    while (job.has_more()) {
        const std::size_t place = job.answers.size();
        job.answers.emplace_back();
        // The inputs are taken before the first suspension.
        auto answer = co_await call(shared, embedding_question(job, deadline));
        if (!answer) co_return answer.error();
        job.answers[place] = std::move(*answer);
    }
    co_return result<void>();
}

CHORUS_LAZY awaitable<result<void>> make_all_embedding_calls(std::shared_ptr<client_state> shared, embedding_job& job) {
    const std::size_t most = std::min(most_embedding_calls, job.request.inputs().size());
    if (most <= 1) co_return co_await make_embedding_calls(shared, job);
    std::vector<awaitable<result<void>>> calls;
    calls.reserve(most);
    for (std::size_t i = 0; i < most; ++i) calls.push_back(make_embedding_calls(shared, job));
    auto outcome = co_await when_all(std::move(calls));
    if (!outcome) co_return outcome.error();
    co_return result<void>();
}

CHORUS_LAZY_DECL awaitable<result<embedding_response>> embed(std::shared_ptr<client_state> shared,
                                                             embedding_request request) {
    embedding_job job(*shared, std::move(request));
    result<void> made;
    try {
        made = co_await make_all_embedding_calls(shared, job);
    } catch (...) {
        made = error::from_exception(std::current_exception());
    }
    if (!made) co_return made.error();
    embedding_response joined = std::move(job.answers.front());
    for (std::size_t i = 1; i < job.answers.size(); ++i) joined.append(std::move(job.answers[i]));
    co_return joined;
}

}  // namespace chorus::detail
