// What a message says: a text, or a list of parts such as texts, images, sounds and files.
#pragma once

#include <chorus/base64.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace chorus {

struct text_part {
    std::string text;
};
/// An image by its URL, or by the id of an uploaded file.
struct image_part {
    std::string url;      ///< `https://...` or `data:image/png;base64,...`
    std::string detail;   ///< auto, low, high; empty leaves it out
    std::string id = {};  ///< not known to OpenAI's chat format; its Responses and Anthropic take it
};
struct audio_part {
    std::string data;    ///< base64
    std::string format;  ///< wav, mp3
};
/// A file by its id, or by its name and its data as a data URL.
struct file_part {
    std::string id;
    std::string filename;
    std::string data;
};
struct refusal_part {
    std::string refusal;
};
/// A part of a type that this library does not know, as JSON.
struct json_part {
    std::string json;
};

/// One part of a message.
struct content_part {
    std::variant<text_part, image_part, audio_part, file_part, refusal_part, json_part> value;
    bool cache_breakpoint = false;  ///< sends `prompt_cache_breakpoint` with the part
};

/// The content of a message. A string converts to it; parts are chained:
///
///     chat_request("gpt-4o").user(content().text("What is this?").image("data:image/png;base64,AAAA", "low"))
///
/// Bytes of images, sounds and files are encoded at once, on the calling thread; `read_image` and `read_file`
/// (<chorus/read_file.hpp>) take them from disk and encode them beside the loop. What a provider has no form for is
/// refused, with the path of the part, before anything is sent.
class content {
 public:
    content() = default;
    content(std::string text) : value_(std::move(text)) {}
    content(std::string_view text) : value_(std::string(text)) {}
    content(const char* text) : value_(std::string(text)) {}

    /// Each of these appends one part. A plain text given before becomes the first part.
    content& text(std::string text) & { return add({text_part{std::move(text)}}); }
    content& image(std::string url, std::string detail = {}) & {
        return add({image_part{std::move(url), std::move(detail)}});
    }
    /// The image itself: `image(std::as_bytes(std::span(png)), "image/png")`.
    content& image(std::span<const std::byte> bytes, std::string_view media_type, std::string detail = {}) & {
        return image(chorus::detail::make_data_url(media_type, bytes), std::move(detail));
    }
    /// An image that was uploaded before.
    content& image_id(std::string id, std::string detail = {}) & {
        return add({image_part{{}, std::move(detail), std::move(id)}});
    }
    content& audio(std::string base64, std::string format) & {
        return add({audio_part{std::move(base64), std::move(format)}});
    }
    content& audio(std::span<const std::byte> bytes, std::string format) & {
        return audio(detail::encode_base64(bytes), std::move(format));
    }
    content& file(std::string id) & { return add({file_part{std::move(id), {}, {}}}); }
    content& file(std::string filename, std::string data_url) & {
        return add({file_part{{}, std::move(filename), std::move(data_url)}});
    }
    content& file(std::string filename, std::span<const std::byte> bytes, std::string_view media_type) & {
        return file(std::move(filename), detail::make_data_url(media_type, bytes));
    }
    content& refusal(std::string text) & { return add({refusal_part{std::move(text)}}); }
    content& json(std::string part) & { return add({json_part{std::move(part)}}); }
    /// Any part, such as one that `read_image` gave.
    content& add(content_part part) & {
        if (empty()) {
            value_.emplace<std::vector<content_part>>().push_back(std::move(part));
        } else {
            mutable_parts().push_back(std::move(part));
        }
        return *this;
    }
    /// Marks the last part as the end of the prefix that the server should cache (`prompt_cache_breakpoint`). A part
    /// given as JSON carries its own mark.
    content& cache_breakpoint() & {
        mutable_parts().back().cache_breakpoint = true;
        return *this;
    }

    content&& text(std::string value) && { return std::move(text(std::move(value))); }
    content&& image(std::string url, std::string detail = {}) && {
        return std::move(image(std::move(url), std::move(detail)));
    }
    content&& image(std::span<const std::byte> bytes, std::string_view media_type, std::string detail = {}) && {
        return std::move(image(bytes, media_type, std::move(detail)));
    }
    content&& image_id(std::string id, std::string detail = {}) && {
        return std::move(image_id(std::move(id), std::move(detail)));
    }
    content&& audio(std::string base64, std::string format) && {
        return std::move(audio(std::move(base64), std::move(format)));
    }
    content&& audio(std::span<const std::byte> bytes, std::string format) && {
        return std::move(audio(bytes, std::move(format)));
    }
    content&& file(std::string id) && { return std::move(file(std::move(id))); }
    content&& file(std::string filename, std::string data_url) && {
        return std::move(file(std::move(filename), std::move(data_url)));
    }
    content&& file(std::string filename, std::span<const std::byte> bytes, std::string_view media_type) && {
        return std::move(file(std::move(filename), bytes, media_type));
    }
    content&& refusal(std::string text) && { return std::move(refusal(std::move(text))); }
    content&& json(std::string part) && { return std::move(json(std::move(part))); }
    content&& add(content_part part) && { return std::move(add(std::move(part))); }
    content&& cache_breakpoint() && { return std::move(cache_breakpoint()); }

    /// The text if it is one text, else null.
    const std::string* as_text() const noexcept { return std::get_if<std::string>(&value_); }
    /// The parts if it is a list of parts, else null.
    const std::vector<content_part>* as_parts() const noexcept {
        return std::get_if<std::vector<content_part>>(&value_);
    }
    /// True for an empty text.
    bool empty() const noexcept { return as_text() != nullptr && as_text()->empty(); }

 private:
    std::vector<content_part>& mutable_parts() {
        if (auto* text = std::get_if<std::string>(&value_)) {
            content_part first{text_part{std::move(*text)}};
            value_.emplace<std::vector<content_part>>().push_back(std::move(first));
        }
        return std::get<std::vector<content_part>>(value_);
    }

    std::variant<std::string, std::vector<content_part>> value_;
};

}  // namespace chorus
