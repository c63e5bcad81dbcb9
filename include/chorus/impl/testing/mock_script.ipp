#pragma once

#include <chorus/testing/mock_anthropic.hpp>
#include <chorus/testing/mock_openai.hpp>
#include <chorus/testing/mock_responses.hpp>
#include <chorus/testing/mock_script.hpp>

#include <algorithm>
#include <memory>
#include <utility>

namespace chorus::testing {

namespace detail {

CHORUS_DECL std::string in_quotes(std::string_view text) {
    constexpr std::size_t enough = 120;
    std::string shown = "\"";
    shown.append(text.substr(0, enough));
    return shown += text.size() > enough ? "...\"" : "\"";
}

// No headers: they hold the key.
CHORUS_DECL std::string describe_request(std::size_t number, const mock_request& request) {
    std::string text = "request " + std::to_string(number) + " (" + request.method + ' ' + request.target;
    if (!request.model.empty()) text += ", model " + in_quotes(request.model);
    if (!request.prompt.empty()) text += ", prompt " + in_quotes(request.prompt);
    return text += ')';
}

CHORUS_DECL void add_stream_headers(mock_reply& reply) {
    reply.headers.add("content-type", "text/event-stream; charset=utf-8").add("cache-control", "no-cache");
}

}  // namespace detail

CHORUS_DECL mock_step& mock_step::matching(std::string description, std::function<bool(const mock_request&)> rule) {
    rules_.push_back({std::move(description), std::move(rule)});
    return *this;
}

CHORUS_DECL mock_step& mock_step::method(std::string value) {
    std::string description = "method " + value;
    return matching(std::move(description),
                    [value = std::move(value)](const mock_request& request) { return request.method == value; });
}

CHORUS_DECL mock_step& mock_step::path(std::string value) {
    std::string description = "path " + value;
    return matching(std::move(description),
                    [value = std::move(value)](const mock_request& request) { return request.path() == value; });
}

CHORUS_DECL mock_step& mock_step::model(std::string value) {
    std::string description = "model " + detail::in_quotes(value);
    return matching(std::move(description),
                    [value = std::move(value)](const mock_request& request) { return request.model == value; });
}

CHORUS_DECL mock_step& mock_step::prompt(std::string value) {
    std::string description = "prompt " + detail::in_quotes(value);
    return matching(std::move(description),
                    [value = std::move(value)](const mock_request& request) { return request.prompt == value; });
}

CHORUS_DECL mock_step& mock_step::body_contains(std::string part) {
    std::string description = "a body that contains " + detail::in_quotes(part);
    return matching(std::move(description), [part = std::move(part)](const mock_request& request) {
        return request.body.find(part) != std::string::npos;
    });
}

CHORUS_DECL mock_step& mock_step::header(std::string name, std::string value) {
    std::string description = "header " + name;  // without the value: it may be the key
    return matching(std::move(description),
                    [name = std::move(name), value = std::move(value)](const mock_request& request) {
                        return request.headers.contains(name) && request.headers.get(name) == value;
                    });
}

CHORUS_DECL mock_step& mock_step::times(std::size_t count) {
    left_ = count;
    return *this;
}

CHORUS_DECL mock_step& mock_step::reply_with(std::function<void(const mock_request&, mock_reply&)> make) {
    make_ = std::move(make);
    return *this;
}

CHORUS_DECL mock_step& mock_step::reply(int status, std::string body) {
    return reply(status, std::move(body), http::headers().add("content-type", "application/json"));
}

CHORUS_DECL mock_step& mock_step::reply(int status, std::string body, http::headers headers) {
    return reply_with(
        [status, body = std::move(body), headers = std::move(headers)](const mock_request&, mock_reply& reply) {
            reply.status = status;
            reply.headers.add(headers);
            reply.body = body;
        });
}

CHORUS_DECL mock_step& mock_step::reply_text(std::string text) {
    return reply_with([text = std::move(text)](const mock_request& request, mock_reply& reply) {
        reply.headers.add("content-type", "application/json");
        if (mock_anthropic::serves(request)) {
            append_anthropic_message(reply.body, "msg_scripted", request.model, request.prompt, text);
        } else if (is_for_responses(request)) {
            append_response(reply.body, "resp_scripted", request.model, request.prompt, text);
        } else {
            append_completion(reply.body, "chatcmpl-scripted", request.model, request.prompt, text);
        }
    });
}

CHORUS_DECL mock_step& mock_step::reply_error(int status, std::string type, std::string code, std::string message) {
    return reply_with([status, type = std::move(type), code = std::move(code), message = std::move(message)](
                          const mock_request& request, mock_reply& reply) {
        reply.status = status;
        reply.headers.add("content-type", "application/json");
        if (mock_anthropic::serves(request)) {
            append_anthropic_error(reply.body, message, type, "req_scripted");
        } else {
            append_openai_error(reply.body, message, type, code);
        }
    });
}

CHORUS_DECL mock_step& mock_step::reply_raw(std::string bytes) {
    return reply_with([bytes = std::move(bytes)](const mock_request&, mock_reply& reply) { reply.raw = bytes; });
}

CHORUS_DECL mock_step& mock_step::reply_header(std::string_view name, std::string_view value) {
    headers_.add(name, value);
    return *this;
}

CHORUS_DECL mock_step& mock_step::reply_stream(std::string text) {
    return reply_with([text = std::move(text)](const mock_request& request, mock_reply& reply) {
        detail::add_stream_headers(reply);
        if (mock_anthropic::serves(request)) {
            reply.streamed().source(anthropic_events("msg_scripted", request.model, request.prompt, mock_text(text)));
        } else if (is_for_responses(request)) {
            reply.streamed().source(responses_events("resp_scripted", request.model, request.prompt, text));
        } else {
            reply.streamed().source(openai_events("chatcmpl-scripted", request.model, request.prompt, mock_text(text),
                                                  request.include_usage));
        }
    });
}

CHORUS_DECL mock_step& mock_step::reply_events(std::vector<std::string> data) {
    for (std::string& each : data) each = "data: " + each + "\n\n";
    return reply_sse_pieces(std::move(data));
}

CHORUS_DECL mock_step& mock_step::reply_sse(std::string raw) {
    return reply_sse_pieces(std::vector<std::string>(1, std::move(raw)));
}

CHORUS_DECL mock_step& mock_step::reply_sse_pieces(std::vector<std::string> pieces) {
    return reply_with([shared = std::make_shared<const std::vector<std::string>>(std::move(pieces))](
                          const mock_request&, mock_reply& reply) {
        detail::add_stream_headers(reply);
        reply.streamed().source(mock_pieces(shared));
    });
}

CHORUS_DECL mock_step& mock_step::every(std::chrono::nanoseconds interval) {
    interval_ = interval;
    return *this;
}

CHORUS_DECL mock_step& mock_step::cut(std::size_t bytes) {
    cut_bytes_ = bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::hold_each() {
    hold_each_ = true;
    return *this;
}

CHORUS_DECL mock_step& mock_step::after(std::chrono::nanoseconds latency) {
    latency_ = latency;
    return *this;
}

CHORUS_DECL mock_step& mock_step::hold() {
    hold_ = true;
    return *this;
}

CHORUS_DECL mock_step& mock_step::chunked(std::size_t chunk_bytes) {
    chunk_bytes_ = chunk_bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::close_after() {
    close_after_ = true;
    return *this;
}

CHORUS_DECL mock_step& mock_step::drop() {
    return drop_after(0);
}

CHORUS_DECL mock_step& mock_step::drop_after(std::size_t bytes) {
    fault_ = mock_fault::drop;
    fault_after_ = bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::stall() {
    return stall_after(0);
}

CHORUS_DECL mock_step& mock_step::stall_after(std::size_t bytes) {
    fault_ = mock_fault::stall;
    fault_after_ = bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::half_close_after(std::size_t bytes) {
    fault_ = mock_fault::half_close;
    fault_after_ = bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::noise_after(std::size_t bytes) {
    fault_ = mock_fault::noise;
    fault_after_ = bytes;
    return *this;
}

CHORUS_DECL mock_step& mock_step::reset(std::uint32_t error_code) {
    return reset_after(0, error_code);
}

CHORUS_DECL mock_step& mock_step::reset_after(std::size_t bytes, std::uint32_t error_code) {
    fault_ = mock_fault::reset;
    fault_after_ = bytes;
    error_code_ = error_code;
    return *this;
}

CHORUS_DECL mock_step& mock_step::refuse() {
    constexpr std::uint32_t refused_stream = 7;  // RFC 9113 section 7
    return reset(refused_stream).after(std::chrono::nanoseconds::zero());
}

CHORUS_DECL mock_step& mock_step::go_away() {
    fault_ = mock_fault::go_away;
    fault_after_ = 0;
    return after(std::chrono::nanoseconds::zero());
}

CHORUS_DECL const mock_step::rule* mock_step::first_broken(const mock_request& request) const {
    const auto broken =
        std::find_if(rules_.begin(), rules_.end(), [&](const rule& each) { return !each.holds(request); });
    return broken == rules_.end() ? nullptr : &*broken;
}

CHORUS_DECL std::string mock_step::describe() const {
    if (rules_.empty()) return "any request";
    std::string text;
    for (const rule& each : rules_) text += (text.empty() ? "" : ", ") + each.description;
    return text;
}

CHORUS_DECL void mock_step::fill(const mock_request& request, mock_reply& reply) const {
    reply.headers.add(headers_);
    reply.latency = latency_;
    reply.hold = hold_;
    reply.chunk_bytes = chunk_bytes_;
    reply.close_after = close_after_;
    reply.fault = fault_;
    reply.fault_after = fault_after_;
    reply.error_code = error_code_;
    if (interval_ || cut_bytes_ > 0 || hold_each_) fill_stream(reply);
    if (make_) make_(request, reply);
}

CHORUS_DECL void mock_step::fill_stream(mock_reply& reply) const {
    reply.streamed().cut(cut_bytes_).hold_each(hold_each_);
    if (interval_) reply.stream->every(*interval_);
}

CHORUS_DECL mock_step& mock_script::expect() {
    return steps_.emplace_back();
}

CHORUS_DECL mock_script& mock_script::in_any_order(bool value) noexcept {
    any_order_ = value;
    return *this;
}

CHORUS_DECL mock_script& mock_script::nothing_else(bool value) noexcept {
    nothing_else_ = value;
    return *this;
}

CHORUS_DECL bool mock_script::next(const mock_request& request, mock_reply& reply) {
    ++requests_;
    while (first_open_ < steps_.size() && steps_[first_open_].left_ == 0) ++first_open_;
    if (first_open_ == steps_.size()) {
        if (!nothing_else_) return false;
        refuse(request, "came after the last step of the script", reply);
        return true;
    }
    mock_step* step = find(request);
    if (step == nullptr) {
        const mock_step& open = steps_[first_open_];
        refuse(request,
               any_order_ ? "fits no open step of the script"
                          : "does not fit step " + std::to_string(first_open_ + 1) + ", which asks for " +
                                open.first_broken(request)->description,
               reply);
        return true;
    }
    --step->left_;
    step->fill(request, reply);
    return static_cast<bool>(step->make_);
}

CHORUS_DECL mock_step* mock_script::find(const mock_request& request) {
    const std::size_t end = any_order_ ? steps_.size() : first_open_ + 1;
    for (std::size_t index = first_open_; index < end; ++index) {
        mock_step& step = steps_[index];
        if (step.left_ > 0 && step.first_broken(request) == nullptr) return &step;
    }
    return nullptr;
}

CHORUS_DECL void mock_script::refuse(const mock_request& request, const std::string& why, mock_reply& reply) {
    const std::string& problem = unexpected_.emplace_back(detail::describe_request(requests_, request) + ' ' + why);
    reply.status = 400;
    reply.headers.add("content-type", "application/json");
    append_openai_error(reply.body, "mock server: " + problem, "unexpected_request", {});
}

CHORUS_DECL bool mock_script::finished() const noexcept {
    return std::all_of(steps_.begin(), steps_.end(), [](const mock_step& step) { return step.left_ == 0; });
}

CHORUS_DECL std::vector<std::string> mock_script::problems() const {
    std::vector<std::string> all = unexpected_;
    for (std::size_t index = 0; index < steps_.size(); ++index) {
        const mock_step& step = steps_[index];
        if (step.left_ == 0) continue;
        std::string text = "step " + std::to_string(index + 1) + " (" + step.describe() + ") was not reached";
        if (step.left_ > 1) text += ", " + std::to_string(step.left_) + " times";
        all.push_back(std::move(text));
    }
    return all;
}

}  // namespace chorus::testing
