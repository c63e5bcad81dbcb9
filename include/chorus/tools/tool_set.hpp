// Tools and the functions behind them.
#pragma once

#include <chorus/async/offload.hpp>
#include <chorus/chat/tool.hpp>
#include <chorus/config.hpp>
#include <chorus/tools/detail/tool_handler.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace chorus {

namespace detail {

/// A tool with what runs it.
struct tool_entry {
    tool description;
    std::string name;
    nlohmann::json schema;  // of the arguments; null for none
    std::shared_ptr<tool_handler> handler;
};

}  // namespace detail

/// Makes a function into a handler that runs on a thread pool, as `chorus::offload` does: for work that would block the
/// loop. It is called as const, by several threads at once if the model calls the tool several times.
/// Lifetimes: the function and the arguments are kept until it has ended; what it refers to must live as long, even if
/// the run was cancelled meanwhile. A pool outlives the runs.
template <class Function>
detail::offloaded_function<std::decay_t<Function>> offloaded(Function&& function) {
    return {nullptr, std::forward<Function>(function)};
}
template <class Function>
detail::offloaded_function<std::decay_t<Function>> offloaded(asio::thread_pool& pool, Function&& function) {
    return {&pool, std::forward<Function>(function)};
}

/// The tools of a program, each with the function that runs it.
///
/// A handler takes the arguments as `const nlohmann::json&`, an object that fits the schema; or the text of the call as
/// `std::string_view`, as that of a custom tool must; or nothing. It is one of
///   - a plain function, which runs on the loop and must be quick,
///   - a coroutine, which returns `awaitable<R>`; its arguments live until it ends, by reference too,
///   - a plain function wrapped by `offloaded`, which runs on a thread pool.
/// It returns a text, `nlohmann::json`, whatever that can be made of, `chorus::content` (images too), nothing, or a
/// `chorus::result` of these. An exception and an error are told to the model in their own words: put no secret in.
///
/// Lifetimes: copies share the handlers, and each run holds one.
/// Executor: one loop at a time, as the client.
///
///     chorus::tool_set tools;
///     auto weather = chorus::tool::function("weather").description("Tells the weather of a city.").parameters(schema);
///     tools.add(std::move(weather), [&](const nlohmann::json& arguments) -> chorus::awaitable<std::string> {
///         co_return co_await look_up(arguments.at("city"));
///     });
class tool_set {
 public:
    /// Adds a tool. Errors: throws `api_error` with `errc::invalid_argument` if there is one of this name, if it has no
    /// name, or if it is a custom tool whose handler does not take text.
    template <class Handler>
    tool_set& add(tool description, Handler handler) & {
        using traits = detail::handler_traits<Handler>;
        constexpr auto input = detail::input_of<std::remove_const_t<typename traits::function>>();
        insert(std::move(description), input, std::make_shared<typename traits::handler>(std::move(handler)));
        return *this;
    }

    /// Adds a function whose arguments are a described struct: its schema is that of the struct, and the handler takes
    /// the struct. Include <chorus/tools/typed_tool.hpp>.
    template <class Arguments, class Handler>
    tool_set& add(std::string name, std::string description, Handler handler) &;

    template <class Handler>
    tool_set&& add(tool description, Handler handler) && {
        return std::move(add(std::move(description), std::move(handler)));
    }
    template <class Arguments, class Handler>
    tool_set&& add(std::string name, std::string description, Handler handler) && {
        return std::move(add<Arguments>(std::move(name), std::move(description), std::move(handler)));
    }

    /// What a request says of them: `request.tools(set.descriptions())`. `run_tools` does it itself.
    std::vector<tool> descriptions() const;
    std::vector<std::string> names() const;
    bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }

    /// For the library: the entry of this name, or null.
    const detail::tool_entry* find(std::string_view name) const noexcept;

 private:
    void insert(tool description, detail::handler_input input, std::shared_ptr<detail::tool_handler> handler);

    std::vector<std::shared_ptr<const detail::tool_entry>> entries_;
};

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/tool_set.ipp>
#endif
