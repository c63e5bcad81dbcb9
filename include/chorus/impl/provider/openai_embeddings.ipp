#pragma once

#include <chorus/base64.hpp>
#include <chorus/provider/detail/answer_reader.hpp>
#include <chorus/provider/detail/body_writer.hpp>
#include <chorus/provider/detail/token_count.hpp>
#include <chorus/provider/openai_embeddings.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::openai_format {

namespace detail {

// OpenAI API reference, "Create embeddings": at most 2,048 inputs, and 300,000 tokens over all of them.
inline constexpr std::size_t most_inputs = 2048;
inline constexpr std::size_t most_tokens = 300'000;
// How many tokens a text makes is known to its model only. English has about four bytes a token, and Chinese three.
inline constexpr std::size_t fewest_bytes_a_token = 2;

CHORUS_DECL std::size_t most_tokens_of(const embedding_request::item& input) noexcept {
    if (const auto* tokens = std::get_if<token_list>(&input)) return tokens->size();
    return std::get<std::string>(input).size() / fewest_bytes_a_token + 1;
}

/// Where the call ends that begins with an input. A first input is never too long: that is for the server to say.
CHORUS_DECL std::size_t end_of_batch(const embedding_request& request, std::size_t first) noexcept {
    const auto& inputs = request.inputs();
    const std::size_t most = std::min({request.batch_size().value_or(most_inputs), most_inputs, inputs.size() - first});
    std::size_t tokens = most_tokens_of(inputs[first]);
    std::size_t end = first + 1;
    while (end < first + most && (tokens += most_tokens_of(inputs[end])) <= most_tokens) ++end;
    return end;
}

CHORUS_DECL std::size_t written_size(std::span<const embedding_request::item> inputs) noexcept {
    std::size_t size = 256;
    for (const auto& input : inputs) {
        const auto* const text = std::get_if<std::string>(&input);
        size += text ? text->size() + text->size() / 16 + 4 : std::get<token_list>(input).size() * 7 + 4;
    }
    return size;
}

CHORUS_DECL void write_input(json::writer& out, const std::string& text) {
    out.value(text);
}
CHORUS_DECL void write_input(json::writer& out, const token_list& tokens) {
    out.begin_array();
    for (const std::int64_t token : tokens) out.value(token);
    out.end_array();
}

/// OpenAI API reference, "Create embeddings": base64 holds float32 numbers, the lowest byte first.
CHORUS_DECL bool read_base64_floats(std::string_view text, std::vector<float>& out) {
    const std::size_t size = chorus::detail::base64_decoded_size(text);
    if (size % sizeof(float) != 0) return false;
    out.resize(size / sizeof(float));
    if (!chorus::detail::decode_base64(text, std::as_writable_bytes(std::span(out)))) return false;
    if constexpr (std::endian::native != std::endian::little) {
        for (float& each : out) {
            const auto bits = std::bit_cast<std::uint32_t>(each);
            each =
                std::bit_cast<float>((bits & 0xffU) << 24 | (bits & 0xff00U) << 8 | (bits >> 8 & 0xff00U) | bits >> 24);
        }
    }
    return true;
}

CHORUS_DECL bool read_embedding(json::reader& in, std::vector<float>& out) {
    if (std::string_view text; in.peek() == json::kind::string) {
        return in.read_view(text) && read_base64_floats(text, out);
    }
    bool is_whole = true;
    const bool is_list = in.array([&] {
        double number = 0;
        const bool is_float = in.read(number) && std::abs(number) <= std::numeric_limits<float>::max();
        is_whole = is_float && is_whole;
        out.push_back(is_float ? static_cast<float>(number) : 0.0f);
    });
    return is_list && is_whole;
}

/// The list of embeddings, put where their indices say. An answer that does not fit has a `problem`.
class embeddings_decoder {
 public:
    explicit embeddings_decoder(std::size_t inputs) : embeddings(inputs) {}

    void read(json::reader& in, std::string_view key) {
        if (key == "data") {
            has_list_ = in.array([&] { read_item(in); });
        } else if (key == "model") {
            in.read(model);
        } else if (key == "usage") {
            in.object([&](std::string_view count) {
                if (count == "prompt_tokens") {
                    chorus::detail::read_count(in, usage.prompt_tokens);
                } else if (count == "total_tokens") {
                    chorus::detail::read_count(in, usage.total_tokens);
                }
            });
        }
    }

    std::string problem() const {
        if (!has_list_) return "the response has no list of embeddings";
        if (!problem_.empty()) return problem_;
        if (count_ == embeddings.size()) return {};
        return "the response has " + std::to_string(count_) + " embeddings for " + std::to_string(embeddings.size()) +
               " inputs";
    }

    std::string model;
    std::vector<std::vector<float>> embeddings;
    chorus::usage usage;

 private:
    void read_item(json::reader& in) {
        auto index = static_cast<std::int64_t>(count_++);
        std::vector<float> numbers;
        bool is_read = false;
        in.object([&](std::string_view key) {
            if (key == "index") {
                in.read(index);
            } else if (key == "embedding") {
                is_read = read_embedding(in, numbers);
            }
        });
        const auto place = static_cast<std::size_t>(index);
        if (!is_read || numbers.empty()) {
            fail(index, "cannot be read");
        } else if (index < 0 || place >= embeddings.size()) {
            fail(index, "is for no input");
        } else if (!embeddings[place].empty()) {
            fail(index, "occurs twice");
        } else {
            embeddings[place] = std::move(numbers);
        }
    }
    void fail(std::int64_t index, std::string_view why) {
        if (problem_.empty()) problem_ = "the embedding with index " + std::to_string(index) + " " + std::string(why);
    }

    std::size_t count_ = 0;
    std::string problem_;
    bool has_list_ = false;
};

}  // namespace detail

CHORUS_DECL result<std::string> encode_embeddings(const embedding_request& request, std::size_t& next,
                                                  const openai_quirks& quirks) {
    const std::size_t end = detail::end_of_batch(request, next);
    const auto inputs = std::span(request.inputs()).subspan(next, end - next);
    detail::body_writer body(request.options().extra, quirks);
    body.reserve(detail::written_size(inputs));
    body.field("model", request.model());
    if (body.begins("input")) {
        body.out().begin_array();
        for (const auto& input : inputs) {
            std::visit([&](const auto& value) { detail::write_input(body.out(), value); }, input);
        }
        body.out().end_array();
    }
    body.field("encoding_format", "base64");
    if (request.dimensions()) body.field("dimensions", *request.dimensions());
    if (!request.end_user().empty()) body.field("user", request.end_user());
    next = end;
    return body.finish();
}

CHORUS_DECL result<embedding_response> decode_embeddings(http::response received, std::size_t inputs,
                                                         std::chrono::system_clock::time_point now) {
    detail::embeddings_decoder decoder(inputs);
    const auto read = chorus::detail::read_answer(
        received, now, [&](json::reader& in, std::string_view key) { decoder.read(in, key); });
    if (!read) return read.error();
    if (std::string problem = decoder.problem(); !problem.empty()) {
        return chorus::detail::unreadable(std::move(problem), std::move(received), now);
    }
    return embedding_response(std::move(decoder.model), std::move(decoder.embeddings), decoder.usage,
                              std::move(received.headers));
}

}  // namespace chorus::openai_format
