#pragma once

#include <chorus/api/validate.hpp>
#include <chorus/client.hpp>
#include <chorus/detail/call.hpp>
#include <chorus/detail/embed.hpp>
#include <chorus/detail/list_models.hpp>
#include <chorus/net/http_transport.hpp>
#include <chorus/shared_new.hpp>

#include <utility>

namespace chorus {

namespace detail {

struct chat_question : question<chat_request> {
    using question::question;
    call_subject subject() const { return subject_of("chat", request()); }
    result<void> encode(const provider& api) { return become(api.encode(request())); }
    result<chat_response> decode(const provider& api, http::response&& received,
                                 std::chrono::system_clock::time_point now) const {
        return api.decode(std::move(received), now);
    }
};

struct model_question : question<std::string> {
    model_question(std::string id, const call_options& options) : question(std::move(id)), own(options) {}
    call_subject subject() const { return subject_of("model", request(), own.priority); }
    const call_options* options() const noexcept { return &own; }
    result<void> encode(const provider& api) {
        if (const auto valid = validate(own); !valid) return valid.error();
        return become(api.encode_model(request()));
    }
    result<model_info> decode(const provider& api, http::response&& received,
                              std::chrono::system_clock::time_point now) const {
        return api.decode_model(std::move(received), now);
    }

    call_options own;
};

struct moderation_question : question<moderation_request> {
    using question::question;
    call_subject subject() const { return subject_of("moderation", request()); }
    result<void> encode(const provider& api) { return become(api.encode_moderation(request())); }
    result<moderation_response> decode(const provider& api, http::response&& received,
                                       std::chrono::system_clock::time_point now) const {
        return api.decode_moderation(std::move(received), now);
    }
};

struct token_question : question<chat_request> {
    using question::question;
    call_subject subject() const { return subject_of("count_tokens", request()); }
    result<void> encode(const provider& api) { return become(api.encode_count_tokens(request())); }
    result<std::int64_t> decode(const provider& api, http::response&& received,
                                std::chrono::system_clock::time_point now) const {
        return api.decode_count_tokens(std::move(received), now);
    }
};

}  // namespace detail

namespace detail {

CHORUS_DECL result<std::shared_ptr<net::transport>> make_transport(const executor& ex, const client_options& options) {
    auto made = net::http_transport::create(ex, options.pool(), options.tls(), options.protocol(), options.proxy());
    if (!made) {
        error refused = made.error();
        return refused.phase(phase::input);
    }
    (*made)->watch(options.observer());
    return std::shared_ptr<net::transport>(std::move(*made));
}

}  // namespace detail

CHORUS_DECL client::client(executor ex, std::shared_ptr<const provider> api, const client_options& options)
    : state_(detail::shared_new<state>(ex, std::move(api), detail::make_transport(ex, options), options)) {}

CHORUS_DECL client::client(executor ex, std::shared_ptr<const provider> api, std::shared_ptr<net::transport> transport,
                           const client_options& options)
    : state_(detail::shared_new<state>(std::move(ex), std::move(api), std::move(transport), options)) {}

CHORUS_DECL client::client(client&&) noexcept = default;

CHORUS_DECL client& client::operator=(client&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
}

CHORUS_DECL client::~client() {
    if (state_ && state_->transport) (*state_->transport)->abort();
}

CHORUS_DECL awaitable<result<chat_response>> client::try_complete(chat_request request) {
    return call(state_, std::move(request));
}

CHORUS_LAZY_DECL awaitable<chat_response> client::complete(chat_request request) {
    return detail::or_throw(call(state_, std::move(request)));
}

CHORUS_DECL chat_stream client::stream(chat_request request, const stream_options& options) {
    return chat_stream(state_, std::move(request), options);
}

CHORUS_DECL net::pool_stats client::pool_stats() const {
    return state_->transport ? (*state_->transport)->pool_stats() : net::pool_stats();
}

CHORUS_LAZY_DECL awaitable<void> client::close() {
    return close(state_);
}

CHORUS_LAZY_DECL awaitable<void> client::close(std::shared_ptr<state> shared) {
    if (shared->transport) co_await (*shared->transport)->close();
}

CHORUS_DECL executor client::get_executor() const noexcept {
    return state_->home;
}

CHORUS_DECL awaitable<result<chat_response>> client::call(std::shared_ptr<state> shared, chat_request&& request) {
    return detail::call(std::move(shared), detail::chat_question(std::move(request)));
}

/// For `co_spawn`, which awaits once more behind it: in a cancelled coroutine that would throw, out of the loop.
CHORUS_LAZY_DECL awaitable<result<chat_response>> client::spawned_call(std::shared_ptr<state> shared,
                                                                       chat_request request) {
    auto outcome = co_await call(std::move(shared), std::move(request));
    co_await this_coro::throw_if_cancelled(false);
    co_return outcome;
}

CHORUS_LAZY_DECL awaitable<result<embedding_response>> client::try_embed(embedding_request request) {
    return detail::embed(state_, std::move(request));
}

CHORUS_LAZY_DECL awaitable<embedding_response> client::embed(embedding_request request) {
    return detail::or_throw(try_embed(std::move(request)));
}

CHORUS_LAZY_DECL awaitable<result<std::vector<model_info>>> client::try_models(call_options options) {
    return detail::list_models(state_, std::move(options));
}

CHORUS_LAZY_DECL awaitable<std::vector<model_info>> client::models(call_options options) {
    return detail::or_throw(try_models(std::move(options)));
}

CHORUS_LAZY_DECL awaitable<result<model_info>> client::try_model(std::string id, call_options options) {
    return detail::call(state_, detail::model_question(std::move(id), options));
}

CHORUS_LAZY_DECL awaitable<model_info> client::model(std::string id, call_options options) {
    return detail::or_throw(try_model(std::move(id), std::move(options)));
}

CHORUS_LAZY_DECL awaitable<result<moderation_response>> client::try_moderate(moderation_request request) {
    return detail::call(state_, detail::moderation_question(std::move(request)));
}

CHORUS_LAZY_DECL awaitable<moderation_response> client::moderate(moderation_request request) {
    return detail::or_throw(try_moderate(std::move(request)));
}

CHORUS_LAZY_DECL awaitable<result<std::int64_t>> client::try_count_tokens(chat_request request) {
    return detail::call(state_, detail::token_question(std::move(request)));
}

CHORUS_LAZY_DECL awaitable<std::int64_t> client::count_tokens(chat_request request) {
    return detail::or_throw(try_count_tokens(std::move(request)));
}

}  // namespace chorus
