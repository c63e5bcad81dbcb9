// Makes functions of any kind into handlers of one kind: what they take, how they run, what they give.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/async/detail/outcome.hpp>
#include <chorus/async/offload.hpp>
#include <chorus/chat/content.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace chorus::detail {

/// What the model sent.
struct tool_input {
    std::string text;          ///< as it came
    nlohmann::json arguments;  ///< an object; null for a custom tool
};

class tool_handler {
 public:
    virtual ~tool_handler() = default;
    /// Lifetimes: the handler outlives the returned coroutine.
    virtual awaitable<result<content>> run(std::shared_ptr<const tool_input> input) = 0;
};

// --- what a function takes ---

enum class handler_input { nothing, text, json };

template <class T>
inline constexpr bool is_text = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>;

template <class Parameter>
constexpr handler_input input_for() {
    return is_text<std::remove_cvref_t<Parameter>> ? handler_input::text : handler_input::json;
}

template <class R>
std::integral_constant<handler_input, handler_input::nothing> input_of_function(R (*)());
template <class R, class A>
std::integral_constant<handler_input, input_for<A>()> input_of_function(R (*)(A));
template <class F, class R>
std::integral_constant<handler_input, handler_input::nothing> input_of_member(R (F::*)());
template <class F, class R>
std::integral_constant<handler_input, handler_input::nothing> input_of_member(R (F::*)() const);
template <class F, class R, class A>
std::integral_constant<handler_input, input_for<A>()> input_of_member(R (F::*)(A));
template <class F, class R, class A>
std::integral_constant<handler_input, input_for<A>()> input_of_member(R (F::*)(A) const);

// Asked by the type of the parameter, not by trial: JSON converts to text and text to JSON. One that names no type, as
// generic lambdas do, takes JSON.
template <class Function>
constexpr handler_input input_of() {
    if constexpr (std::is_pointer_v<Function>) {
        return decltype(input_of_function(std::declval<Function>()))::value;
    } else if constexpr (requires { input_of_member(&Function::operator()); }) {
        return decltype(input_of_member(&Function::operator()))::value;
    } else {
        return handler_input::json;
    }
}

template <class Function>
decltype(auto) call_handler(Function& function, const tool_input& input) {
    constexpr handler_input wanted = input_of<std::remove_const_t<Function>>();
    if constexpr (wanted == handler_input::nothing) {
        return std::invoke(function);
    } else if constexpr (wanted == handler_input::text) {
        return std::invoke(function, input.text);
    } else {
        static_assert(std::is_invocable_v<Function&, const nlohmann::json&>,
                      "chorus: a handler takes const nlohmann::json&, or the text of the call as std::string_view, or "
                      "nothing; for a struct include <chorus/tools/typed_tool.hpp> and name it: add<arguments>(...). "
                      "One that is offloaded is called as const");
        return std::invoke(function, input.arguments);
    }
}

template <class Function>
using handler_value =
    std::remove_cvref_t<decltype(call_handler(std::declval<Function&>(), std::declval<const tool_input&>()))>;

// --- what it gives ---

/// The text with U+FFFD in place of what is not UTF-8, which no server takes.
content text_output(std::string_view text);
content json_output(const nlohmann::json& value);

template <class Value>
result<content> to_output(Value&& value) {
    using type = std::remove_cvref_t<Value>;
    if constexpr (is_result<type>) {
        if (!value) return value.error();
        if constexpr (std::is_void_v<value_of<type>>) {
            return content("done");
        } else {
            return to_output(*std::forward<Value>(value));
        }
    } else if constexpr (std::is_same_v<type, content>) {
        return std::forward<Value>(value);
    } else if constexpr (std::is_same_v<type, nlohmann::ordered_json>) {
        return text_output(value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    } else if constexpr (!std::is_same_v<type, nlohmann::json> && std::is_convertible_v<Value, std::string_view>) {
        return text_output(value);
    } else {
        static_assert(std::is_constructible_v<nlohmann::json, Value>,
                      "chorus: the output of a tool is a text, JSON or what nlohmann::json can be made of, "
                      "chorus::content, or a chorus::result of these");
        return json_output(nlohmann::json(std::forward<Value>(value)));
    }
}

template <class Function>
result<content> output_of(Function& function, const tool_input& input) {
    if constexpr (std::is_void_v<handler_value<Function>>) {
        call_handler(function, input);
        return content("done");
    } else {
        return to_output(call_handler(function, input));
    }
}

// --- how it runs ---

// As for `deliver`: the frames are as local as the user's types in them.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsubobject-linkage"
#endif

template <class Function>
class direct_handler final : public tool_handler {
 public:
    explicit direct_handler(Function function) : function_(std::move(function)) {}

    awaitable<result<content>> run(std::shared_ptr<const tool_input> input) override {
        using value = handler_value<Function>;
        if constexpr (!awaitable_type<value>) {
            co_return output_of(function_, *input);
        } else if constexpr (std::is_void_v<typename value::value_type>) {
            co_await call_handler(function_, *input);
            co_return content("done");
        } else {
            auto output = co_await call_handler(function_, *input);
            co_return to_output(std::move(output));
        }
    }

 private:
    Function function_;
};

/// A function with the pool that runs it; null for the default one.
template <class Function>
class offloaded_function {
 public:
    offloaded_function(asio::thread_pool* pool, Function function) : pool(pool), function(std::move(function)) {}

    asio::thread_pool* pool;
    Function function;
};

/// Runs a job on a pool, the default one for null. Erased, so that a job costs its user's translation unit little.
awaitable<result<content>> compute(asio::thread_pool* pool, std::function<result<content>()> job);

template <class Function>
class offloaded_handler final : public tool_handler {
 public:
    static_assert(!awaitable_type<handler_value<const Function>>,
                  "chorus: a coroutine runs on the loop: offload the work inside of it");

    explicit offloaded_handler(offloaded_function<Function> job)
        : pool_(job.pool), function_(std::make_shared<const Function>(std::move(job.function))) {}

    awaitable<result<content>> run(std::shared_ptr<const tool_input> input) override {
        // Shared, because a job that is cancelled while it runs ends after everybody who waited for it.
        return compute(pool_,
                       [function = function_, input = std::move(input)] { return output_of(*function, *input); });
    }

 private:
    asio::thread_pool* pool_;
    std::shared_ptr<const Function> function_;
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

template <class Handler>
struct handler_traits {
    using function = Handler;
    using handler = direct_handler<Handler>;
};
template <class Function>
struct handler_traits<offloaded_function<Function>> {
    using function = const Function;
    using handler = offloaded_handler<Function>;
};

}  // namespace chorus::detail

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/tool_handler.ipp>
#endif
