#pragma once

#include <chorus/async/clock.hpp>
#include <chorus/async/gather.hpp>
#include <chorus/error.hpp>
#include <chorus/json/reader.hpp>
#include <chorus/json/text.hpp>
#include <chorus/text.hpp>
#include <chorus/tools/argument_check.hpp>
#include <chorus/tools/run_calls.hpp>

#include <nlohmann/json.hpp>

#include <memory>
#include <string_view>
#include <utility>

namespace chorus {

namespace detail {

/// What the model is told of a failure: the words of the tool, with the rest only if they are of a call of ours.
CHORUS_DECL message failure_message(const std::string& call_id, const error& failure) {
    const bool is_own = failure.phase() == phase::none && !failure.text().empty();
    std::string text("Error: ");
    json::append_repaired(text, is_own ? std::string(failure.text()) : failure.message());
    return message::tool(call_id, std::move(text)).failed();
}

CHORUS_DECL result<nlohmann::json> parse_arguments(std::string_view text) {
    text = trimmed(text);
    // Some models write nothing, or null, to a tool without parameters.
    if (text.empty() || text == "null") return nlohmann::json::object();
    json::reader check(text);
    check.skip();
    const auto sound = check.finish();
    auto parsed =
        sound ? nlohmann::json::parse(text, nullptr, false) : nlohmann::json(nlohmann::json::value_t::discarded);
    if (sound && parsed.is_discarded()) parsed = nlohmann::json::parse(json::repaired(text), nullptr, false);
    if (!parsed.is_discarded()) return parsed;
    const std::string_view why = sound ? "a number is out of range" : sound.error().text();
    return error(errc::invalid_argument,
                 "the arguments are not valid JSON: " + std::string(why) + ". Call the tool again with valid JSON.");
}

CHORUS_DECL result<void> check_input(const nlohmann::json& arguments, const nlohmann::json& schema) {
    constexpr std::string_view object = R"({"type":"object"})";
    const auto wrong = arguments.is_object() ? check_arguments(arguments, schema)
                                             : check_arguments(arguments, nlohmann::json::parse(object));
    if (wrong.empty()) return {};
    std::string text("the arguments do not fit the schema of the tool:");
    for (const std::string& line : wrong) text.append("\n- ").append(line);
    return error(errc::invalid_argument, text.append("\nMend them and call the tool again."));
}

CHORUS_DECL error unknown_tool(const tool_call& call, const tool_set& tools) {
    std::string text = "there is no tool named \"" + call.name + "\"; ";
    if (tools.empty()) return error(errc::invalid_argument, text + "there are none at all.");
    text += "the tools are ";
    std::string_view separator;
    for (const std::string& name : tools.names()) {
        text.append(separator).append(name);
        separator = ", ";
    }
    return error(errc::invalid_argument, text + ".");
}

CHORUS_DECL call_batch::call_batch(tool_set tools, std::vector<tool_call> calls, const run_calls_options& options)
    : tools_(std::move(tools)), calls_(std::move(calls)), options_(options), messages_(calls_.size()) {}

CHORUS_DECL awaitable<void> call_batch::run() {
    std::vector<awaitable<void>> running;
    running.reserve(calls_.size());
    for (std::size_t i = 0; i != calls_.size(); ++i) running.push_back(run_one(i));
    const std::size_t limit = options_.parallel ? options_.max_parallel : 1;
    const auto outcomes = co_await gather(std::move(running), {.limit = limit});
    for (const auto& outcome : outcomes) {
        if (!outcome) throw_error(outcome.error());  // of the observer
    }
}

CHORUS_DECL awaitable<void> call_batch::run_one(std::size_t index) {
    const tool_call& call = calls_[index];
    const executor here = co_await this_coro::executor;
    const clock::time_point start = now(here);
    if (options_.observer != nullptr) options_.observer->on_call(call);
    result<content> output = error(errc::cancelled);
    try {
        output = co_await limited(options_.call_timeout, run_handler(call));
    } catch (...) {
        output = error::from_exception(std::current_exception());
    }
    const auto cancellation = co_await this_coro::cancellation_state;
    const bool is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    if (is_cancelled && !output && output.error() == condition::cancelled) co_return;
    messages_[index] = output ? message::tool(call.id, std::move(*output)) : failure_message(call.id, output.error());
    if (options_.observer != nullptr) options_.observer->on_result(call, *messages_[index], now(here) - start);
}

CHORUS_DECL awaitable<result<content>> call_batch::run_handler(const tool_call& call) {
    const tool_entry* const entry = tools_.find(call.name);
    if (entry == nullptr) co_return unknown_tool(call, tools_);
    auto input = read_input(*entry, call);
    if (!input) co_return input.error();
    co_return co_await entry->handler->run(std::move(*input));
}

CHORUS_DECL result<std::shared_ptr<const tool_input>> call_batch::read_input(const tool_entry& entry,
                                                                             const tool_call& call) const {
    auto input = std::make_shared<tool_input>();
    input->text = call.arguments;
    if (entry.description.type() != tool_type::custom) {
        auto arguments = parse_arguments(call.arguments);
        if (!arguments) return arguments.error();
        if (auto fits = check_input(*arguments, entry.schema); !fits) return fits.error();
        input->arguments = std::move(*arguments);
    }
    return std::shared_ptr<const tool_input>(std::move(input));
}

CHORUS_DECL std::vector<message> call_batch::take_messages() {
    std::vector<message> all;
    all.reserve(calls_.size());
    for (std::size_t i = 0; i != calls_.size(); ++i) {
        if (messages_[i]) {
            all.push_back(std::move(*messages_[i]));
        } else {
            all.push_back(failure_message(calls_[i].id, error(errc::exception, "the call was cancelled")));
        }
    }
    return all;
}

CHORUS_DECL awaitable<std::vector<message>> run_batch(tool_set tools, std::vector<tool_call> calls,
                                                      run_calls_options options) {
    call_batch batch(std::move(tools), std::move(calls), options);
    co_await batch.run();
    co_return batch.take_messages();
}

}  // namespace detail

CHORUS_DECL awaitable<std::vector<message>> run_calls(const tool_set& tools, const answer& asked,
                                                      run_calls_options options) {
    return detail::run_batch(tools, asked.tool_calls, options);
}

}  // namespace chorus
