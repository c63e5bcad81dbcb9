// Asks a model for a value of a C++ type, or for JSON of a schema.
#pragma once

#include <chorus/async/awaitable.hpp>
#include <chorus/chat/chat_request.hpp>
#include <chorus/chat/chat_response.hpp>
#include <chorus/client.hpp>
#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/structured/from_json.hpp>
#include <chorus/structured/response_format.hpp>

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace chorus {

/// A value, and the response that it was read from.
template <class T>
struct structured {
    T value;
    chat_response response;

    const T* operator->() const noexcept { return &value; }
    const T& operator*() const noexcept { return value; }
};

namespace detail {

/// Adds what is known of the response to the error of its answer.
error answer_failure(error failure, const chat_response& response);

/// Checks that the first choice holds a whole answer.
result<void> check_answer(const chat_response& response);

/// How an answer is asked for and read.
template <class T>
class answer_form {
 public:
    answer_form() = default;
    explicit answer_form(chat_request& request) {
        if (!request.options().response_format) request.response_format(response_format_of<T>());
    }
    result<T> read(std::string_view text) const { return from_json_text<T>(text); }
    result<T> read_part(std::string_view text) const { return partial_from_json_text<T>(text); }
};

/// JSON of a schema, or any.
template <>
class answer_form<nlohmann::json> {
 public:
    answer_form() = default;
    answer_form(const response_format& wanted);
    explicit answer_form(chat_request& request);
    result<nlohmann::json> read(std::string_view text) const;
    result<nlohmann::json> read_part(std::string_view text) const;

 private:
    std::string schema_;  // as JSON text; empty where there is none
};

}  // namespace detail

/// Reads the first choice of a response as a value. As `nlohmann::json` it is read with the response format that was
/// asked for, `answer_as<nlohmann::json>(response, format)`, and checked against its schema; without one any JSON fits.
/// Errors: `errc::refused_by_model`, `cut_off`, `content_filtered` and `no_answer` if there is no whole answer;
/// `decode_failed` if it is no JSON; `schema_mismatch`, with the path, if it does not fit the type or the schema. Each
/// holds the response (`error::partial`), with the tokens that were spent.
template <class T>
result<structured<T>> answer_as(const chat_response& response, const detail::answer_form<T>& form = {}) {
    if (auto checked = detail::check_answer(response); !checked) return checked.error();
    result<T> value = form.read(response.text());
    if (!value) return detail::answer_failure(value.error(), response);
    return structured<T>{std::move(*value), response};
}

namespace detail {

template <class T>
awaitable<result<structured<T>>> read_typed(awaitable<result<chat_response>> call, answer_form<T> form) {
    const result<chat_response> response = co_await std::move(call);
    if (!response) co_return response.error();
    co_return answer_as<T>(*response, form);
}

template <class T>
awaitable<T> read_typed_or_throw(awaitable<result<chat_response>> call, answer_form<T> form) {
    const result<chat_response> response = co_await std::move(call);
    if (!response) throw_error(response.error());
    result<structured<T>> answer = answer_as<T>(*response, form);
    if (!answer) throw_error(answer.error());
    co_return std::move(answer->value);
}

}  // namespace detail

/// Asks for a value of a described struct: sends its schema as the response format, and completes with the first choice
/// read as the type. A request that has a response format keeps it: a schema written by hand, or none at all; the
/// answer is checked all the same.
/// For a schema without a C++ type, T is `nlohmann::json` (include <nlohmann/json.hpp>): the answer is checked against
/// the schema in the response format of the request, as far as `check_arguments` knows schemas. A request without a
/// response format then asks for `json_object`, and any JSON fits.
/// Cancellation: as `client::try_complete`.
/// Errors: those of the call, and of `answer_as`.
/// Lifetimes: as `client::try_complete`: neither the client nor the request has to outlive anything.
///
///     struct person { std::string name; int age; };
///     BOOST_DESCRIBE_STRUCT(person, (), (name, age))
///
///     auto found = co_await chorus::try_complete_as<person>(llm, chorus::chat_request("gpt-4o-mini").user(text));
///     if (found) std::cout << found->value.name << ' ' << found->response.usage().total_tokens.value_or(0) << '\n';
///
///     request.response_format(chorus::response_format::json_schema("person", schema));
///     auto by_hand = co_await chorus::try_complete_as<nlohmann::json>(llm, request);
template <class T>
awaitable<result<structured<T>>> try_complete_as(client& llm, chat_request request) {
    detail::answer_form<T> form(request);
    return detail::read_typed<T>(llm.try_complete(std::move(request)), std::move(form));
}

/// As `try_complete_as`, but gives the value alone and throws `api_error`.
///
///     const auto found = co_await chorus::complete_as<person>(llm, chorus::chat_request("gpt-4o-mini").user(text));
template <class T>
awaitable<T> complete_as(client& llm, chat_request request) {
    detail::answer_form<T> form(request);
    return detail::read_typed_or_throw<T>(llm.try_complete(std::move(request)), std::move(form));
}

}  // namespace chorus

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/structured/complete_as.ipp>
#endif
