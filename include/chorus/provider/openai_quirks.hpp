// How the dialect of one server differs from the chat format of OpenAI.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus {

/// When the thinking of earlier answers is sent back with them.
enum class reasoning_echo {
    never,
    with_tool_calls,  ///< with answers that call tools: some servers refuse these without it, and want it nowhere else
    always,
};

/// What a server of the OpenAI format wants otherwise. By default nothing, so that `openai_quirks()` is OpenAI's own
/// format. What a request says by `extra` is sent as it is, whatever is said here.
///
/// Fields are named by their path in the request: a top-level one such as `seed`; `messages.name`; and the parts of
/// messages, `messages.content.image_url`, `messages.content.input_audio`, `messages.content.file`, with the mark on any
/// of them, `messages.content.prompt_cache_breakpoint`.
///
///     chorus::openai_quirks().rename("max_completion_tokens", "max_tokens").drop("store").refuse("logprobs")
class openai_quirks {
 public:
    /// What happens to a field that the server has not, or has by another name.
    enum class treatment { rename, drop, refuse };
    struct field {
        std::string name;
        openai_quirks::treatment treatment;
        std::string to;  ///< of a renamed one
    };

    /// Sends a top-level field under another name: `max_completion_tokens` as `max_tokens`, or the other way about;
    /// `seed` as `random_seed` (Mistral). Where both limits of tokens are set, `max_completion_tokens` holds.
    openai_quirks& rename(std::string name, std::string to) & {
        return add({std::move(name), treatment::rename, std::move(to)});
    }
    /// Leaves a field or part out without a word: for what changes nothing that is worth an error.
    openai_quirks& drop(std::string name) & { return add({std::move(name), treatment::drop, {}}); }
    /// Refuses requests that set it with `errc::invalid_argument`, before anything is sent. What asks for no more than
    /// the usual, as `n(1)` and `logprobs(false)` do, is left out instead.
    openai_quirks& refuse(std::string name) & { return add({std::move(name), treatment::refuse, {}}); }

    /// Sends instructions of the role `developer` as `system`, for servers that know only the older name.
    openai_quirks& developer_as_system(bool value = true) & { return set(developer_as_system_, value); }
    /// `field` is the member that holds it, such as `reasoning_content`; `thinking` is a part of the content (Mistral).
    /// Without one it goes back as the member that it came in, and thinking from elsewhere is left out.
    openai_quirks& echo_reasoning(reasoning_echo when, std::string field = {}) & {
        reasoning_field_ = std::move(field);
        return set(reasoning_echo_, when);
    }
    /// Whether the server takes images by their http(s) URLs. Where it does not, such an image is refused.
    openai_quirks& fetches_images(bool value) & { return set(fetches_images_, value); }
    /// Whether what a server adds to answers and calls for its own use goes back to it: members of messages such as
    /// `reasoning_details` (OpenRouter) and `extra_content` (Gemini), and parts of types that this library does not know.
    /// False for servers that refuse what they do not know.
    openai_quirks& echo_native(bool value) & { return set(echo_native_, value); }
    /// Puts the schema of a response format beside its `type` instead of into `json_schema` (llama.cpp).
    openai_quirks& flat_schema(bool value = true) & { return set(flat_schema_, value); }
    /// The word of `tool_choice` for at least one call of any tool: `any` at Mistral.
    openai_quirks& required_word(std::string word) & { return set(required_word_, std::move(word)); }
    /// Whether streams are asked for their usage where the request does not say: false for servers that refuse
    /// `stream_options`.
    openai_quirks& stream_usage(bool value) & { return set(stream_usage_, value); }
    /// Whether a stream without the mark `[DONE]` is cut off even though every choice in it has ended.
    openai_quirks& requires_done(bool value = true) & { return set(requires_done_, value); }
    /// Takes `<think>...</think>` at the beginning of an answer for thinking, for servers that leave it in the content:
    /// streamed or whole it is then `reasoning`, and the text what follows. Blanks behind a tag and before the first go
    /// with the tags. Without the first tag nothing is taken, without the second all that follows the first. Where the
    /// server gives thinking a member of its own, the content stays as it is. Thinking found so is sent back only under
    /// the field that `echo_reasoning` names.
    openai_quirks& think_tags(bool value = true) & { return set(think_tags_, value); }

    openai_quirks&& rename(std::string name, std::string to) && {
        return std::move(rename(std::move(name), std::move(to)));
    }
    openai_quirks&& drop(std::string name) && { return std::move(drop(std::move(name))); }
    openai_quirks&& refuse(std::string name) && { return std::move(refuse(std::move(name))); }
    openai_quirks&& developer_as_system(bool value = true) && { return std::move(developer_as_system(value)); }
    openai_quirks&& echo_reasoning(reasoning_echo when, std::string field = {}) && {
        return std::move(echo_reasoning(when, std::move(field)));
    }
    openai_quirks&& fetches_images(bool value) && { return std::move(fetches_images(value)); }
    openai_quirks&& echo_native(bool value) && { return std::move(echo_native(value)); }
    openai_quirks&& flat_schema(bool value = true) && { return std::move(flat_schema(value)); }
    openai_quirks&& required_word(std::string word) && { return std::move(required_word(std::move(word))); }
    openai_quirks&& stream_usage(bool value) && { return std::move(stream_usage(value)); }
    openai_quirks&& requires_done(bool value = true) && { return std::move(requires_done(value)); }
    openai_quirks&& think_tags(bool value = true) && { return std::move(think_tags(value)); }

    /// Null where the field is sent as it is.
    const field* find(std::string_view name) const noexcept {
        const auto same = std::find_if(fields_.begin(), fields_.end(),
                                       [&](const field& known) { return std::string_view(known.name) == name; });
        return same == fields_.end() ? nullptr : &*same;
    }
    const std::vector<field>& fields() const noexcept { return fields_; }
    bool is_developer_system() const noexcept { return developer_as_system_; }
    reasoning_echo when_to_echo_reasoning() const noexcept { return reasoning_echo_; }
    const std::string& reasoning_field() const noexcept { return reasoning_field_; }
    bool is_fetching_images() const noexcept { return fetches_images_; }
    bool echoes_native() const noexcept { return echo_native_; }
    bool has_flat_schema() const noexcept { return flat_schema_; }
    const std::string& required_word() const noexcept { return required_word_; }
    bool asks_stream_usage() const noexcept { return stream_usage_; }
    bool is_done_required() const noexcept { return requires_done_; }
    bool has_think_tags() const noexcept { return think_tags_; }

 private:
    template <class Value>
    openai_quirks& set(Value& member, Value value) {
        member = std::move(value);
        return *this;
    }
    // The last word on a field holds, so that presets can be amended.
    openai_quirks& add(field next) {
        std::erase_if(fields_, [&](const field& known) { return known.name == next.name; });
        fields_.push_back(std::move(next));
        return *this;
    }

    std::vector<field> fields_;
    std::string reasoning_field_;
    std::string required_word_ = "required";
    reasoning_echo reasoning_echo_ = reasoning_echo::with_tool_calls;
    bool fetches_images_ = true;
    bool echo_native_ = true;
    bool developer_as_system_ = false;
    bool flat_schema_ = false;
    bool stream_usage_ = true;
    bool requires_done_ = false;
    bool think_tags_ = false;
};

}  // namespace chorus
