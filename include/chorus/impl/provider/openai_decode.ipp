#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/policy/rate_limit_headers.hpp>
#include <chorus/provider/error_response.hpp>
#include <chorus/provider/openai_decode.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <utility>

namespace chorus::openai_format {

namespace detail {

/// Names under which servers send the model's thinking, the preferred one first. The last is Mistral's content part.
inline constexpr std::array<std::string_view, 4> reasoning_fields = {"reasoning_content", "reasoning",
                                                                     "reasoning_details", "thinking"};

/// Reads one response. Members come in any order, with any of them missing or null.
class chat_decoder {
 public:
    explicit chat_decoder(std::string_view body) : in_(body) {}

    result<void> run() {
        in_.object([&](std::string_view key) {
            if (key == "choices") {
                has_choices = in_.array([&] { read_choice(); });
            } else if (key == "error") {
                const std::string_view value = in_.raw();
                has_error = value != "null" && value != "false" && value != "\"\"" && value != "{}";
            } else if (key == "id") {
                in_.read(completion.id);
            } else if (key == "model") {
                in_.read(completion.model);
            } else if (key == "created") {
                read_time(completion.created);
            } else if (key == "usage") {
                read_usage(completion.usage);
            } else if (key == "service_tier") {
                in_.read(completion.service_tier);
            } else if (key == "system_fingerprint") {
                in_.read(completion.system_fingerprint);
            }
        });
        return in_.finish();
    }

    chat_completion completion;
    bool has_choices = false;
    bool has_error = false;

 private:
    void read_time(std::optional<std::chrono::sys_seconds>& out) {
        std::int64_t seconds = 0;
        if (in_.read(seconds)) out = std::chrono::sys_seconds(std::chrono::seconds(seconds));
    }

    void read_choice() {
        choice next;
        next.index = static_cast<int>(completion.choices.size());
        in_.object([&](std::string_view key) {
            if (key == "message") {
                read_message(next.message);
            } else if (key == "finish_reason") {
                in_.read(next.finish_reason);
            } else if (key == "index") {
                in_.read(next.index);
            } else if (key == "logprobs" && in_.peek() == json::kind::object) {
                read_logprobs(next.logprobs);
            }
        });
        completion.choices.push_back(std::move(next));
    }

    void read_message(answer& out) {
        in_.object([&](std::string_view key) {
            if (key == "content") {
                read_content(out);
            } else if (key == "role") {
                in_.read(out.role);
            } else if (key == "refusal") {
                in_.read(out.refusal);
            } else if (key == "reasoning_content" || key == "reasoning") {
                std::string text;
                const std::string_view field = reasoning_fields[key == "reasoning"];
                if (in_.peek() == json::kind::string && in_.read(text)) keep_reasoning(out, field, std::move(text));
            } else if (key == "reasoning_details") {
                keep_reasoning(out, reasoning_fields[2], read_texts());
            } else if (key == "annotations") {
                in_.array([&] { read_annotation(out.annotations.emplace_back()); });
            } else if (key == "audio" && in_.peek() == json::kind::object) {
                read_audio(out.audio);
            }
        });
        if (out.role.empty()) out.role = role::assistant;
    }

    static void keep_reasoning(answer& out, std::string_view field, std::string text) {
        if (text.empty()) return;
        const auto rank = [](std::string_view name) {
            return std::find(reasoning_fields.begin(), reasoning_fields.end(), name);
        };
        if (rank(out.reasoning_field) <= rank(field)) return;
        out.reasoning = std::move(text);
        out.reasoning_field = *rank(field);
    }

    /// The `text` members of a list of objects, joined.
    std::string read_texts() {
        std::string joined;
        in_.array([&] {
            in_.object([&](std::string_view key) {
                if (key == "text") append_text(joined);
            });
        });
        return joined;
    }
    void append_text(std::string& out) {
        std::string_view text;
        if (in_.read_view(text)) out.append(text);
    }

    /// A text, or parts: OpenAI's texts and refusals, Mistral's thinking.
    void read_content(answer& out) {
        if (in_.peek() != json::kind::array) {
            in_.read(out.content);
            return;
        }
        std::string thinking;
        in_.array([&] {
            if (in_.peek() == json::kind::string) return append_text(out.content);
            in_.object([&](std::string_view key) {
                if (key == "text") {
                    append_text(out.content);
                } else if (key == "refusal") {
                    append_text(out.refusal);
                } else if (key == "thinking") {
                    if (in_.peek() == json::kind::array) {
                        thinking += read_texts();
                    } else {
                        append_text(thinking);
                    }
                }
            });
        });
        keep_reasoning(out, reasoning_fields[3], std::move(thinking));
    }

    void read_annotation(annotation& out) {
        in_.object([&](std::string_view key) {
            if (key == "type") {
                in_.read(out.type);
            } else if (key == "url_citation") {
                in_.object([&](std::string_view inner) {
                    if (inner == "url") {
                        in_.read(out.url);
                    } else if (inner == "title") {
                        in_.read(out.title);
                    } else if (inner == "start_index") {
                        in_.read(out.start_index);
                    } else if (inner == "end_index") {
                        in_.read(out.end_index);
                    }
                });
            }
        });
    }

    void read_audio(std::shared_ptr<const audio_answer>& out) {
        auto audio = std::make_shared<audio_answer>();
        in_.object([&](std::string_view key) {
            if (key == "id") {
                in_.read(audio->id);
            } else if (key == "data") {
                in_.read(audio->data);
            } else if (key == "transcript") {
                in_.read(audio->transcript);
            } else if (key == "expires_at") {
                read_time(audio->expires_at);
            }
        });
        out = std::move(audio);
    }

    void read_logprobs(std::shared_ptr<const logprobs>& out) {
        auto both = std::make_shared<logprobs>();
        in_.object([&](std::string_view key) {
            if (key == "content") {
                in_.array([&] { read_token(both->content.emplace_back()); });
            } else if (key == "refusal") {
                in_.array([&] { read_token(both->refusal.emplace_back()); });
            }
        });
        out = std::move(both);
    }

    void read_token(token_logprob& out) {
        in_.object([&](std::string_view key) {
            if (key == "token") {
                in_.read(out.token);
            } else if (key == "logprob") {
                in_.read(out.logprob);
            } else if (key == "bytes") {
                in_.array([&] {
                    int byte = 0;
                    if (in_.read(byte)) out.bytes.push_back(static_cast<std::uint8_t>(byte));
                });
            } else if (key == "top_logprobs") {
                in_.array([&] { read_token(out.top.emplace_back()); });
            }
        });
    }

    void read_usage(usage& out) {
        in_.object([&](std::string_view key) {
            if (key == "prompt_tokens") {
                in_.read(out.prompt_tokens);
            } else if (key == "completion_tokens") {
                in_.read(out.completion_tokens);
            } else if (key == "total_tokens") {
                in_.read(out.total_tokens);
            } else if (key == "prompt_tokens_details") {
                read_prompt_details(out.prompt);
            } else if (key == "completion_tokens_details") {
                read_completion_details(out.completion);
            } else if (key == "prompt_cache_hit_tokens" && !out.prompt.cached_tokens) {
                in_.read(out.prompt.cached_tokens);  // DeepSeek
            }
        });
    }

    void read_prompt_details(usage::prompt_details& out) {
        in_.object([&](std::string_view key) {
            if (key == "cached_tokens") {
                in_.read(out.cached_tokens);
            } else if (key == "cache_write_tokens") {
                in_.read(out.cache_write_tokens);
            } else if (key == "audio_tokens") {
                in_.read(out.audio_tokens);
            } else if (key == "image_tokens") {
                in_.read(out.image_tokens);
            } else if (key == "text_tokens") {
                in_.read(out.text_tokens);
            }
        });
    }

    void read_completion_details(usage::completion_details& out) {
        in_.object([&](std::string_view key) {
            if (key == "reasoning_tokens") {
                in_.read(out.reasoning_tokens);
            } else if (key == "audio_tokens") {
                in_.read(out.audio_tokens);
            } else if (key == "text_tokens") {
                in_.read(out.text_tokens);
            } else if (key == "accepted_prediction_tokens") {
                in_.read(out.accepted_prediction_tokens);
            } else if (key == "rejected_prediction_tokens") {
                in_.read(out.rejected_prediction_tokens);
            }
        });
    }

    json::reader in_;
};

CHORUS_DECL error decode_failure(error failure, http::response received) {
    failure.phase(phase::decode).http_status(received.status);
    failure.request_id(std::string(find_request_id(received.headers)));
    failure.body(std::move(received.body));
    return failure;
}

}  // namespace detail

CHORUS_DECL result<chat_response> decode_chat(http::response received, std::chrono::system_clock::time_point now) {
    if (received.status < 200 || received.status > 299) return decode_error(std::move(received), now);
    detail::chat_decoder decoder(received.body);
    if (auto read = decoder.run(); !read) return detail::decode_failure(read.error(), std::move(received));
    if (decoder.completion.choices.empty()) {
        if (decoder.has_error || read_error_body(received.body).found) return decode_error(std::move(received), now);
        if (!decoder.has_choices) {
            error missing(errc::decode_failed, "the response has no list of choices");
            return detail::decode_failure(std::move(missing), std::move(received));
        }
    }
    return chat_response(std::move(decoder.completion), std::move(received), &policy::parse_rate_limits, now);
}

}  // namespace chorus::openai_format
