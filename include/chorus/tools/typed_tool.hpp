// Tools whose arguments are a described struct.
#pragma once

#include <chorus/structured/from_json.hpp>
#include <chorus/structured/schema.hpp>
#include <chorus/tools/tool_set.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

namespace chorus {

namespace detail {

/// What is wrong with arguments that fit the schema and not the type, such as an integer that is too large.
error bad_arguments(const error& mismatch);

/// Tells whether an output is written by `to_json`: a described type, or a container that nlohmann::json does not know.
template <class T>
constexpr bool is_described_output() {
    if constexpr (std::is_void_v<T> || std::is_same_v<T, content>) {
        return false;
    } else {
        return shape_of<T> == shape::structure || shape_of<T> == shape::enumeration ||
               !std::is_constructible_v<nlohmann::json, T>;
    }
}

template <class Value>
auto described_output(Value&& value) {
    using type = std::remove_cvref_t<Value>;
    if constexpr (is_result<type>) {
        if constexpr (is_described_output<value_of<type>>()) {
            using written = result<nlohmann::ordered_json>;
            return value ? written(to_json(*value)) : written(value.error());
        } else {
            return type(std::forward<Value>(value));
        }
    } else if constexpr (is_described_output<type>()) {
        return to_json(value);
    } else {
        return type(std::forward<Value>(value));
    }
}

/// Calls a function of a struct with the arguments as JSON.
template <class Arguments>
class typed_call {
 public:
    template <class F>
    static auto run(F& function, const nlohmann::json& arguments) {
        return call(function, read(arguments));
    }

 private:
    static Arguments read(const nlohmann::json& from) {
        auto arguments = from_json<Arguments>(from);
        if (!arguments) throw_error(bad_arguments(arguments.error()));
        return std::move(*arguments);
    }

    template <class F>
    static auto call(F& function, Arguments arguments) {
        using output = std::remove_cvref_t<std::invoke_result_t<F&, Arguments>>;
        if constexpr (awaitable_type<output>) {
            return await_output<typename output::value_type>(function, std::move(arguments));
        } else if constexpr (std::is_void_v<output>) {
            std::invoke(function, std::move(arguments));
        } else {
            return described_output(std::invoke(function, std::move(arguments)));
        }
    }

    // A coroutine, so that the arguments live as long as the one that may refer to them.
    template <class T, class F>
    static auto await_output(F& function, Arguments arguments)
        -> awaitable<decltype(described_output(std::declval<T>()))> {
        auto output = co_await std::invoke(function, std::move(arguments));
        co_return described_output(std::move(output));
    }
    template <class T, class F>
        requires std::is_void_v<T>
    static awaitable<void> await_output(F& function, Arguments arguments) {
        co_await std::invoke(function, std::move(arguments));
    }
};

/// A handler of JSON made of one of a struct.
template <class Arguments, class Function>
class typed_function {
 public:
    explicit typed_function(Function function) : function_(std::move(function)) {}
    auto operator()(const nlohmann::json& arguments) { return typed_call<Arguments>::run(function_, arguments); }

 private:
    Function function_;
};

/// The same for one that several threads call at once.
template <class Arguments, class Function>
class typed_const_function {
 public:
    explicit typed_const_function(Function function) : function_(std::move(function)) {}
    auto operator()(const nlohmann::json& arguments) const { return typed_call<Arguments>::run(function_, arguments); }

 private:
    Function function_;
};

template <class Arguments, class Function>
auto typed_handler(Function function) {
    static_assert(std::invocable<Function&, Arguments>, "chorus: the handler of a typed tool takes its arguments");
    return typed_function<Arguments, Function>(std::move(function));
}
template <class Arguments, class Function>
auto typed_handler(offloaded_function<Function> job) {
    static_assert(std::invocable<const Function&, Arguments>,
                  "chorus: the handler of a typed tool takes its arguments, and one that is offloaded is const");
    using function = typed_const_function<Arguments, Function>;
    return offloaded_function<function>(job.pool, function(std::move(job.function)));
}

}  // namespace detail

/// Adds a function whose arguments are a described struct, of the types that `schema_of` takes. The schema is derived
/// from it, strict where it can be, the arguments are checked and converted, and a struct that the handler returns is
/// written as JSON. All kinds of handlers will do: see `tool_set`.
///
///     struct place { std::string city; std::optional<std::string> country; };
///     BOOST_DESCRIBE_STRUCT(place, (), (city, country))
///
///     tools.add<place>("weather", "Tells the weather.", [](const place& where) { return look_up(where.city); });
template <class Arguments, class Handler>
tool_set& tool_set::add(std::string name, std::string description, Handler handler) & {
    static_assert(detail::shape_of<Arguments> == detail::shape::structure,
                  "chorus: the arguments of a tool are an object: take a struct with BOOST_DESCRIBE_STRUCT");
    const nlohmann::ordered_json schema = schema_of<Arguments, schema_mode::loose>();
    tool described = tool::function(std::move(name)).description(std::move(description));
    described.template parameters<nlohmann::ordered_json>(schema);
    if (has_strict_schema<Arguments>) described.strict();
    return add(std::move(described), detail::typed_handler<Arguments>(std::move(handler)));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/tools/typed_tool.ipp>
#endif
