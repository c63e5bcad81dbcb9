// What an answer holds, as lines of text: two are the same if their descriptions are, and a test shows where they differ.
#pragma once

#include <chorus/chat/chat_event.hpp>
#include <chorus/chat/chat_response.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace chorus::testing_support {

/// Every field that is not empty, one a line, behind its path.
class description {
 public:
    void add(const std::string& path, std::string_view text) {
        if (!text.empty()) out_ << path << " = \"" << text << "\"\n";
    }
    template <class Number>
        requires std::is_arithmetic_v<Number>
    void add(const std::string& path, Number value) {
        out_ << path << " = " << +value << "\n";
    }
    template <class Value>
    void add(const std::string& path, const std::optional<Value>& value) {
        if (value) add(path, *value);
    }
    void add(const std::string& path, std::chrono::sys_seconds time) { add(path, time.time_since_epoch().count()); }
    template <class Value>
    void add(const std::string& path, const std::vector<Value>& values) {
        for (std::size_t i = 0; i < values.size(); ++i) add(path + "[" + std::to_string(i) + "]", values[i]);
    }

    void add(const std::string& path, const tool_call& call) {
        out_ << path << " = " << call.type << "\n";
        add(path + ".id", call.id);
        add(path + ".name", call.name);
        add(path + ".arguments", call.arguments);
        add(path + ".extra", call.extra);
    }
    void add(const std::string& path, const annotation& source) {
        out_ << path << " = " << source.type << " " << source.start_index << "-" << source.end_index << "\n";
        add(path + ".url", source.url);
        add(path + ".title", source.title);
    }
    void add(const std::string& path, const token_logprob& token) {
        out_ << path << " = " << token.logprob << "\n";
        add(path + ".token", token.token);
        add(path + ".bytes", token.bytes);
        add(path + ".top", token.top);
    }
    void add(const std::string& path, const answer& message) {
        add(path + ".role", message.role);
        add(path + ".content", message.content);
        add(path + ".refusal", message.refusal);
        add(path + ".reasoning", message.reasoning);
        add(path + ".reasoning_field", message.reasoning_field);
        add(path + ".tool_calls", message.tool_calls);
        add(path + ".annotations", message.annotations);
        if (message.audio) {
            out_ << path << ".audio\n";
            add(path + ".audio.id", message.audio->id);
            add(path + ".audio.data", message.audio->data);
            add(path + ".audio.transcript", message.audio->transcript);
            add(path + ".audio.expires_at", message.audio->expires_at);
        }
        add(path + ".native.format", message.native.format);
        add(path + ".native.json", message.native.json);
    }
    void add(const std::string& path, const choice& one) {
        add(path + ".index", one.index);
        add(path + ".finish_reason", one.finish_reason);
        add(path + ".message", one.message);
        if (!one.logprobs) return;
        out_ << path << ".logprobs\n";
        add(path + ".logprobs.content", one.logprobs->content);
        add(path + ".logprobs.refusal", one.logprobs->refusal);
    }
    void add(const std::string& path, const usage& counts) {
        add(path + ".prompt_tokens", counts.prompt_tokens);
        add(path + ".completion_tokens", counts.completion_tokens);
        add(path + ".total_tokens", counts.total_tokens);
        add(path + ".prompt.cached_tokens", counts.prompt.cached_tokens);
        add(path + ".prompt.cache_write_tokens", counts.prompt.cache_write_tokens);
        add(path + ".prompt.audio_tokens", counts.prompt.audio_tokens);
        add(path + ".prompt.image_tokens", counts.prompt.image_tokens);
        add(path + ".prompt.text_tokens", counts.prompt.text_tokens);
        add(path + ".completion.reasoning_tokens", counts.completion.reasoning_tokens);
        add(path + ".completion.audio_tokens", counts.completion.audio_tokens);
        add(path + ".completion.text_tokens", counts.completion.text_tokens);
        add(path + ".completion.accepted_prediction_tokens", counts.completion.accepted_prediction_tokens);
        add(path + ".completion.rejected_prediction_tokens", counts.completion.rejected_prediction_tokens);
    }

    std::string text() const { return out_.str(); }

 private:
    std::ostringstream out_;
};

inline std::string describe(const chat_completion& whole) {
    description out;
    out.add("id", whole.id);
    out.add("model", whole.model);
    out.add("created", whole.created);
    out.add("service_tier", whole.service_tier);
    out.add("system_fingerprint", whole.system_fingerprint);
    out.add("choices", whole.choices);
    out.add("usage", whole.usage);
    return out.text();
}

/// The decoded fields of a response.
inline std::string describe(const chat_response& response) {
    chat_completion whole;
    whole.id = response.id();
    whole.model = response.model();
    whole.created = response.created();
    whole.service_tier = response.service_tier();
    whole.system_fingerprint = response.system_fingerprint();
    whole.choices = response.choices();
    whole.usage = response.usage();
    return describe(whole);
}

/// One event in a few words, such as `text 0 Hi`: its kind, its choice, and what it brings.
inline std::string describe(const chat_event& event) {
    std::ostringstream out;
    const auto call = [&](std::string_view kind, const auto& it) {
        out << kind << " " << it.choice << "/" << it.position << " " << it.call->id << " " << it.call->name;
    };
    std::visit(
        [&](const auto& it) {
            using kind = std::decay_t<decltype(it)>;
            if constexpr (std::is_same_v<kind, text_event>) {
                out << "text " << it.choice << " " << it.text;
            } else if constexpr (std::is_same_v<kind, reasoning_event>) {
                out << "reasoning " << it.choice << " " << it.text;
            } else if constexpr (std::is_same_v<kind, refusal_event>) {
                out << "refusal " << it.choice << " " << it.text;
            } else if constexpr (std::is_same_v<kind, tool_call_started_event>) {
                call("started", it);
            } else if constexpr (std::is_same_v<kind, tool_call_arguments_event>) {
                out << "arguments " << it.choice << "/" << it.position << " " << it.text;
            } else if constexpr (std::is_same_v<kind, tool_call_finished_event>) {
                call("finished", it);
                out << " " << it.call->arguments;
            } else if constexpr (std::is_same_v<kind, usage_event>) {
                out << "usage " << it.usage->total_tokens.value_or(-1);
            } else if constexpr (std::is_same_v<kind, finish_event>) {
                out << "finish " << it.choice << " " << it.reason;
            } else if constexpr (std::is_same_v<kind, content_filter_event>) {
                out << "filter " << it.choice.value_or(-1) << " " << it.results;
            } else if constexpr (std::is_same_v<kind, heartbeat_event>) {
                out << "heartbeat";
            } else {
                out << "raw " << it.type << " " << it.data;
            }
        },
        event);
    return out.str();
}

/// Takes all events that are there.
template <class Source>
std::vector<std::string> describe_events(Source& source) {
    std::vector<std::string> all;
    for (chat_event next; source.next(next);) all.push_back(describe(next));
    return all;
}

}  // namespace chorus::testing_support
