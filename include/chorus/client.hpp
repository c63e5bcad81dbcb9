// The client: one shared session for all calls of a loop.
#pragma once

#include <chorus/api/embedding.hpp>
#include <chorus/api/model_list.hpp>
#include <chorus/api/moderation.hpp>
#include <chorus/async/awaitable.hpp>
#include <chorus/chat/call_options.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/chat_stream.hpp>
#include <chorus/client_options.hpp>
#include <chorus/config.hpp>
#include <chorus/detail/client_state.hpp>
#include <chorus/error.hpp>
#include <chorus/net/transport.hpp>
#include <chorus/provider/provider.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chorus {

/// Sends chat requests to one provider over pooled connections, as many at once as the pool allows.
///
/// Errors: what is wrong with the options (a key, a URL, a certificate file) is the error of each call.
/// Lifetimes: the client may go while calls are under way: they fail with `errc::client_closed`.
/// Executor: a client belongs to the executor it was made with, whose handlers run one at a time: an `io_context` run
/// by one thread, or a strand. Calls are awaited there; `async_complete` may be called from any thread. To use more
/// cores, run a loop and a client a thread.
///
///     chorus::client llm(co_await chorus::this_coro::executor, chorus::openai());
///     auto reply = co_await llm.complete(chorus::chat_request("gpt-4o-mini").user("Why is the sky blue?"));
///     std::cout << reply.text() << '\n';
class client {
 public:
    client(executor ex, std::shared_ptr<const provider> api, const client_options& options = {});
    /// Sends over a transport of the user: a fake, a recorder, a proxy. Of the options, only the limits count.
    /// Lifetimes: the transport is aborted when the client goes.
    client(executor ex, std::shared_ptr<const provider> api, std::shared_ptr<net::transport> transport,
           const client_options& options = {});
    client(client&&) noexcept;
    client& operator=(client&&) noexcept;
    ~client();

    /// Sends a request and completes with its response, or with the error: the whole path of a call, without a throw.
    /// Cancellation: terminal; the connection is closed if the request was sent, and given back if not.
    /// Errors: see `errc`; input that cannot be sent is refused before anything is sent.
    /// Lifetimes: the request is moved into the call; nothing has to outlive it.
    ///
    ///     auto reply = co_await llm.try_complete(chorus::chat_request("gpt-4o-mini").user("Hello"));
    ///     std::cout << (reply ? reply->text() : reply.error().message()) << '\n';
    awaitable<result<chat_response>> try_complete(chat_request request);

    /// As `try_complete`, but throws `api_error`.
    CHORUS_LAZY awaitable<chat_response> complete(chat_request request);

    /// As `try_complete`, for callbacks, futures and other kinds of coroutines: `void(result<chat_response>)`.
    /// Executor: may be called from any thread; the handler runs on its associated executor, by default the client's.
    ///
    ///     std::future<chorus::result<chorus::chat_response>> reply = llm.async_complete(request, asio::use_future);
    template <class CompletionToken>
    auto async_complete(chat_request request, CompletionToken&& token) {
        return asio::async_initiate<CompletionToken, void(result<chat_response>)>(
            [](auto handler, std::shared_ptr<state> shared, chat_request moved) {
                const executor home = shared->home;
                auto bound = asio::get_associated_executor(handler, home);
                // What is emitted elsewhere comes here later, perhaps after the end: to a signal that is there still.
                const auto stop = std::make_shared<asio::cancellation_signal>();
                if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
                    slot.assign([home, stop](asio::cancellation_type_t type) {
                        asio::dispatch(home, [stop, type] { stop->emit(type); });
                    });
                }
                asio::co_spawn(home, spawned_call(std::move(shared), std::move(moved)),
                               asio::bind_cancellation_slot(
                                   stop->slot(), asio::bind_executor(bound, [handler = std::move(handler), stop](
                                                                                std::exception_ptr thrown,
                                                                                result<chat_response> outcome) mutable {
                                       if (thrown) outcome = error::from_exception(thrown);
                                       std::move(handler)(std::move(outcome));
                                   })));
            },
            token, state_, std::move(request));
    }

    /// Makes a stream of the answer to a request: see `chat_stream`. Nothing is sent before its first event is awaited.
    /// Lifetimes: the stream may outlive the client; it then fails with `errc::client_closed`.
    ///
    ///     auto answer = llm.stream(chorus::chat_request("gpt-4o-mini").user("Tell me a story."));
    ///     while (auto event = co_await answer.next()) {
    ///         if (const auto* piece = std::get_if<chorus::text_event>(&*event)) std::cout << piece->text << std::flush;
    ///     }
    chat_stream stream(chat_request request, const stream_options& options = {});

    // The rest of an API. Each call has a second form that throws `api_error`, as `complete` does. Cancellation and
    // lifetimes are those of `try_complete`. What a provider has not is refused with `errc::invalid_argument`.

    /// Asks for the embeddings of texts and completes when all have come, in the order of the inputs. More inputs than
    /// one call takes are sent as several, at most four of them at a time.
    /// Errors: as `try_complete`; the first failure cancels the calls under way and is the outcome.
    ///
    ///     auto reply = co_await llm.embed(chorus::embedding_request("text-embedding-3-small").inputs(texts));
    ///     double alike = chorus::cosine_similarity(reply[0], reply[1]);
    CHORUS_LAZY awaitable<result<embedding_response>> try_embed(embedding_request request);
    CHORUS_LAZY awaitable<embedding_response> embed(embedding_request request);

    /// Asks for all models of the server and completes with the last page of the list. The limit on the whole call is one
    /// for all pages; the others hold for each of them.
    /// Errors: as `try_complete`; `errc::decode_failed` for a list that has no end.
    ///
    ///     chorus::call_options options;
    ///     options.timeout = 5s;
    ///     auto models = co_await llm.models(options);
    CHORUS_LAZY awaitable<result<std::vector<model_info>>> try_models(call_options options = {});
    CHORUS_LAZY awaitable<std::vector<model_info>> models(call_options options = {});

    /// Asks for one model by its id.
    /// Errors: as `try_complete`; an empty id is refused as `model`, and a bad limit as `timeout`.
    CHORUS_LAZY awaitable<result<model_info>> try_model(std::string id, call_options options = {});
    CHORUS_LAZY awaitable<model_info> model(std::string id, call_options options = {});

    /// Asks whether texts and images are harmful.
    CHORUS_LAZY awaitable<result<moderation_response>> try_moderate(moderation_request request);
    CHORUS_LAZY awaitable<moderation_response> moderate(moderation_request request);

    /// Asks how many tokens a request would give the model to read. Only some APIs count, such as Anthropic's.
    CHORUS_LAZY awaitable<result<std::int64_t>> try_count_tokens(chat_request request);
    CHORUS_LAZY awaitable<std::int64_t> count_tokens(chat_request request);

    /// The connections of the pool, by what they do.
    net::pool_stats pool_stats() const;

    /// Refuses new calls and completes when those under way have ended. Idle connections are closed at once.
    /// Cancellation: terminal; the client stays closed.
    CHORUS_LAZY awaitable<void> close();

    executor get_executor() const noexcept;

 private:
    using state = detail::client_state;

    static awaitable<result<chat_response>> call(std::shared_ptr<state> shared, chat_request&& request);
    CHORUS_LAZY static awaitable<result<chat_response>> spawned_call(std::shared_ptr<state> shared,
                                                                     chat_request request);
    CHORUS_LAZY static awaitable<void> close(std::shared_ptr<state> shared);

    std::shared_ptr<state> state_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/client.ipp>
#endif
