#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_chat.hpp>
#include <chorus/testing/mock_responses.hpp>

#include <cstdint>
#include <utility>

namespace chorus::testing {

namespace detail {

CHORUS_DECL void append_response_part(json::writer& json, std::string_view text) {
    json.begin_object().member("type", "output_text").member("text", text);
    json.key("annotations").raw("[]").key("logprobs").raw("[]").end_object();
}

/// The message, as it begins or whole.
CHORUS_DECL void append_response_item(json::writer& json, std::string_view number, const std::string* text) {
    json.begin_object().member("type", "message").member("id", "msg_" + std::string(number));
    json.member("status", text != nullptr ? "completed" : "in_progress").member("role", "assistant");
    json.key("content").begin_array();
    if (text != nullptr) append_response_part(json, *text);
    json.end_array().end_object();
}

/// The members of a response, as it begins or whole; its object stays open.
CHORUS_DECL void append_response_members(json::writer& json, std::string_view id, std::string_view model,
                                         std::size_t prompt_tokens, const std::string* text) {
    json.begin_object().member("id", id).member("object", "response").member("created_at", 1'700'000'000);
    json.member("status", text != nullptr ? "completed" : "in_progress").key("error").null();
    json.key("incomplete_details").null().member("model", model).member("service_tier", "default");
    json.key("output").begin_array();
    if (text != nullptr) append_response_item(json, id, text);
    json.end_array().key("usage");
    if (text == nullptr) {
        json.null();
        return;
    }
    const std::size_t output_tokens = mock_tokens(*text);
    json.begin_object().member("input_tokens", prompt_tokens);
    json.key("input_tokens_details").raw(R"({"cached_tokens":0})").member("output_tokens", output_tokens);
    json.key("output_tokens_details").raw(R"({"reasoning_tokens":0})");
    json.member("total_tokens", prompt_tokens + output_tokens).end_object();
}

/// OpenAI API reference, "Streaming events" of the Responses API.
class responses_event_source final : public mock_piece_source {
 public:
    responses_event_source(std::string_view id, std::string_view model, std::size_t prompt_tokens,
                           std::string_view text, mock_portions portions)
        : text_(text), left_(std::string(text), portions), prompt_tokens_(prompt_tokens), id_(id), model_(model) {}

    bool next(std::string& out) override {
        switch (next_) {
            case stage::created:
                append_progress(out, "response.created");
                next_ = stage::in_progress;
                return true;
            case stage::in_progress:
                append_progress(out, "response.in_progress");
                next_ = stage::item_added;
                return true;
            case stage::item_added:
                append_item(out, "response.output_item.added", nullptr);
                next_ = stage::part_added;
                return true;
            case stage::part_added:
                append_part(out, "response.content_part.added", {});
                next_ = left_.is_over() ? stage::text_done : stage::text;
                return true;
            case stage::text:
                append_delta(out);
                if (left_.is_over()) next_ = stage::text_done;
                return true;
            case stage::text_done: {
                const std::string whole = whole_text();
                json::writer json = begin(out, "response.output_text.done");
                append_place(json).member("text", whole).key("logprobs").raw("[]");
                end(json, out);
                next_ = stage::part_done;
                return true;
            }
            case stage::part_done:
                append_part(out, "response.content_part.done", whole_text());
                next_ = stage::item_done;
                return true;
            case stage::item_done: {
                const std::string whole = whole_text();
                append_item(out, "response.output_item.done", &whole);
                next_ = stage::completed;
                return true;
            }
            case stage::completed:
                break;
        }
        const std::string whole = whole_text();
        json::writer json = begin(out, "response.completed");
        json.key("response");
        append_response_members(json, id_, model_, prompt_tokens_, &whole);
        json.end_object();
        end(json, out);
        return false;
    }

 private:
    enum class stage : std::uint8_t {
        created,
        in_progress,
        item_added,
        part_added,
        text,
        text_done,
        part_done,
        item_done,
        completed,
    };

    static json::writer begin_data(std::string& out, std::string_view type) {
        out.append("event: ").append(type).append("\ndata: ");
        json::writer json(out);
        json.begin_object().member("type", type);
        return json;
    }
    json::writer begin(std::string& out, std::string_view type) {
        json::writer json = begin_data(out, type);
        json.member("sequence_number", sequence_number_++);
        return json;
    }
    static void end(json::writer& json, std::string& out) {
        json.end_object();
        out += "\n\n";
    }
    json::writer& append_place(json::writer& json) const {
        json.member("item_id", "msg_" + id_).member("output_index", 0);
        return json.member("content_index", 0);
    }

    void append_progress(std::string& out, std::string_view type) {
        json::writer json = begin(out, type);
        json.key("response");
        append_response_members(json, id_, model_, prompt_tokens_, nullptr);
        json.end_object();
        end(json, out);
    }
    void append_item(std::string& out, std::string_view type, const std::string* text) {
        json::writer json = begin(out, type);
        json.member("output_index", 0).key("item");
        append_response_item(json, id_, text);
        end(json, out);
    }
    void append_part(std::string& out, std::string_view type, const std::string& text) {
        json::writer json = begin(out, type);
        append_place(json).key("part");
        append_response_part(json, text);
        end(json, out);
    }
    void append_delta(std::string& out) {
        before_.clear();
        json::writer json = begin(before_, "response.output_text.delta");
        append_place(json);
        before_ += R"(,"delta":)";
        left_.append_event(out, before_, R"(,"logprobs":[]})");
    }
    /// What has been handed out: see `mock_text`.
    std::string whole_text() const {
        std::string whole = text_.substr(0, left_.handed_out());
        while (whole.size() < left_.handed_out()) {
            const std::string again = ' ' + text_;
            whole.append(again, 0, left_.handed_out() - whole.size());
        }
        return whole;
    }

    std::string text_;
    mock_text left_;
    std::size_t prompt_tokens_;
    std::string id_;
    std::string model_;
    std::string before_;  // kept for its memory
    std::int64_t sequence_number_ = 0;
    stage next_ = stage::created;
};

}  // namespace detail

CHORUS_DECL bool is_for_responses(const mock_request& request) noexcept {
    return request.path() == "/v1/responses";
}

CHORUS_DECL void understand_responses(mock_request& request) {
    if (request.method != "POST") return;
    std::string_view input;
    json::reader in(request.body);
    const bool is_object = in.object([&](std::string_view key) {
        if (key == "model") {
            in.read(request.model);
        } else if (key == "stream") {
            in.read(request.stream);
        } else if (key == "input") {
            input = in.raw();
        }
    });
    if (!in.finish() || !is_object) {
        request.defect = detail::mock_defect("We could not parse the JSON body of your request.", {});
    } else if (request.model.empty()) {
        request.defect = detail::mock_defect("Missing required parameter: 'model'.", "model");
    } else if (input.empty() || input == "[]" || input == "\"\"") {
        request.defect = detail::mock_defect("Missing required parameter: 'input'.", "input");
    } else if (input.front() == '"') {
        detail::read_mock_content(input, request.prompt);
    } else {
        std::string_view last;
        json::reader items(input);
        items.array([&] {
            std::string role;
            std::string_view content;
            items.object([&](std::string_view key) {
                if (key == "role") items.read(role);
                if (key == "content") content = items.raw();
            });
            if (role == "user") last = content;
        });
        detail::read_mock_content(last, request.prompt);
    }
}

CHORUS_DECL void append_response(std::string& out, std::string_view id, std::string_view model, std::string_view prompt,
                                 std::string_view text, std::size_t min_bytes) {
    const std::size_t start = out.size();
    const std::string whole(text);
    json::writer json(out);
    detail::append_response_members(json, id, model, mock_tokens(prompt), &whole);
    detail::end_padded(json, out, start, min_bytes);
}

CHORUS_DECL std::unique_ptr<mock_piece_source> responses_events(std::string_view id, std::string_view model,
                                                                std::string_view prompt, std::string_view text,
                                                                mock_portions portions) {
    return std::make_unique<detail::responses_event_source>(id, model, mock_tokens(prompt), text, portions);
}

}  // namespace chorus::testing
