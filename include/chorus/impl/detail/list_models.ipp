#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/detail/call.hpp>
#include <chorus/detail/list_models.hpp>

#include <chrono>
#include <exception>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace chorus::detail {

struct model_page_question {
    const std::string* after;
    shared_deadline* deadline;
    const call_options* asked;
    call_options own;  // with what is left of the time
    http::request encoded;

    // No aggregate: g++ 12 copies those bytewise into the call.
    model_page_question(const std::string& last, shared_deadline& end, const call_options& options)
        : after(&last), deadline(&end), asked(&options), own(options) {}

    call_subject subject() const { return subject_of("models", std::string(), own.priority); }
    const call_options* options() noexcept {
        own.timeout = deadline->left();
        return &own;
    }

    result<void> encode(const provider& api) {
        // First: a limit that lets nothing happen is a mistake, and not a time that has passed.
        if (const auto valid = validate(*asked); !valid) return valid.error();
        if (const auto in_time = deadline->check(); !in_time) return in_time.error();
        auto made = api.encode_models(*after);
        if (!made) return made.error();
        encoded = std::move(*made);
        return {};
    }
    http::request& message() noexcept { return encoded; }
    result<model_page> decode(const provider& api, http::response&& received,
                              std::chrono::system_clock::time_point now) const {
        deadline->put_off(received.timing.queue);
        return api.decode_models(std::move(received), now);
    }
};

CHORUS_LAZY_DECL awaitable<result<std::vector<model_info>>> list_models(std::shared_ptr<client_state> shared,
                                                                        call_options own) {
    shared_deadline deadline(*shared, own);
    std::vector<model_info> all;
    std::string after;
    for (int pages = 0; pages < most_model_pages; ++pages) {
        result<model_page> page;
        try {
            page = co_await call(shared, model_page_question(after, deadline, own));
        } catch (...) {
            // Cancelled between two pages: then the next one is not asked for.
            page = error::from_exception(std::current_exception());
        }
        if (!page) co_return page.error();
        all.insert(all.end(), std::make_move_iterator(page->models.begin()),
                   std::make_move_iterator(page->models.end()));
        if (page->next.empty()) co_return all;
        if (page->next == after) break;
        after = std::move(page->next);
    }
    error endless(errc::decode_failed, "the list of models has no end");
    co_return endless.phase(phase::decode);
}

}  // namespace chorus::detail
