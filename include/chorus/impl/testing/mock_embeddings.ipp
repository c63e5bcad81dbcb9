#pragma once

#include <chorus/json/reader.hpp>
#include <chorus/json/writer.hpp>
#include <chorus/testing/mock_embeddings.hpp>
#include <chorus/testing/mock_refusal.hpp>
#include <chorus/testing/mock_text.hpp>
#include <chorus/text.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace chorus::testing {

namespace detail {

constexpr std::size_t mock_embedding_inputs = 2048;  // OpenAI API reference, "Create embeddings"
constexpr std::int64_t mock_embedding_dimensions = 4096;

constexpr bool is_mock_word(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

/// Adds the direction of a word: FNV-1a makes a seed of it, SplitMix64 numbers of the seed.
CHORUS_DECL void add_word(std::vector<double>& sum, std::string_view word) {
    std::uint64_t state = 0xcbf29ce484222325U;
    for (const char c : word) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    for (double& each : sum) {
        state += 0x9e3779b97f4a7c15U;
        std::uint64_t bits = state;
        bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
        bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
        bits ^= bits >> 31U;
        each += static_cast<double>(bits >> 11U) * 0x1.0p-52 - 1.0;
    }
}

struct mock_embedding_request {
    std::string model;
    std::vector<std::string> inputs;
    std::int64_t dimensions = 256;
    bool base64 = false;
    bool valid = false;
};

/// Tokens become their numbers, so that the same tokens give the same text.
CHORUS_DECL void read_input(json::reader& in, std::vector<std::string>& inputs) {
    std::string text;
    const auto read_token = [&] {
        std::int64_t token = 0;
        if (in.read(token)) text += (text.empty() ? "" : " ") + std::to_string(token);
    };
    if (in.peek() == json::kind::array) {
        in.array(read_token);
        inputs.push_back(std::move(text));
    } else if (in.read(text)) {
        inputs.push_back(std::move(text));
    }
}

CHORUS_DECL void read_inputs(json::reader& in, std::vector<std::string>& inputs) {
    if (in.peek() != json::kind::array) return read_input(in, inputs);
    std::string tokens;
    in.array([&] {
        if (in.peek() != json::kind::number) return read_input(in, inputs);
        std::int64_t token = 0;
        if (in.read(token)) tokens += (tokens.empty() ? "" : " ") + std::to_string(token);
    });
    if (!tokens.empty()) inputs.push_back(std::move(tokens));
}

CHORUS_DECL mock_embedding_request read_embedding_request(std::string_view body) {
    mock_embedding_request wanted;
    json::reader in(body);
    const bool is_object = in.object([&](std::string_view key) {
        if (key == "model") {
            in.read(wanted.model);
        } else if (key == "input") {
            read_inputs(in, wanted.inputs);
        } else if (key == "dimensions") {
            in.read(wanted.dimensions);
        } else if (std::string_view format; key == "encoding_format" && in.read_view(format)) {
            wanted.base64 = format == "base64";
        }
    });
    wanted.valid = in.finish() && is_object;
    return wanted;
}

CHORUS_DECL void write_embedding(json::writer& json, const std::vector<float>& vector, bool base64) {
    if (!base64) {
        json.begin_array();
        char digits[32];
        for (const float each : vector) {
            json.raw({digits, std::to_chars(digits, digits + sizeof digits, each).ptr});
        }
        json.end_array();
        return;
    }
    std::vector<unsigned char> bytes;  // little-endian, whatever this machine is
    bytes.reserve(vector.size() * 4);
    for (const float each : vector) {
        const auto bits = std::bit_cast<std::uint32_t>(each);
        for (unsigned shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<unsigned char>(bits >> shift));
    }
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // with the terminator that OpenSSL adds
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
    json.value(std::string_view(text).substr(0, static_cast<std::size_t>(size)));
}

}  // namespace detail

CHORUS_DECL std::vector<float> mock_embedding(std::string_view text, std::size_t dimensions) {
    const std::string lower = chorus::detail::to_lower(text);
    std::vector<double> sum(dimensions);
    bool has_words = false;
    for (auto at = lower.begin(); at != lower.end();) {
        const auto first = std::find_if(at, lower.end(), detail::is_mock_word);
        at = std::find_if_not(first, lower.end(), detail::is_mock_word);
        if (first == at) break;
        detail::add_word(sum, {first, at});
        has_words = true;
    }
    if (!has_words) detail::add_word(sum, text);
    double square = 0;
    for (const double each : sum) square += each * each;
    const double length = std::sqrt(square);
    std::vector<float> vector(dimensions);
    std::transform(sum.begin(), sum.end(), vector.begin(),
                   [length](double each) { return static_cast<float>(each / length); });
    return vector;
}

CHORUS_DECL void answer_embeddings(const mock_request& request, mock_reply& reply) {
    const detail::mock_embedding_request wanted = detail::read_embedding_request(request.body);
    if (!wanted.valid) return refuse_as_openai(reply, 400, "We could not parse the JSON body of your request.");
    if (wanted.model.empty()) return refuse_as_openai(reply, 400, "you must provide a model parameter", {}, "model");
    const auto& inputs = wanted.inputs;
    const bool has_empty = std::any_of(inputs.begin(), inputs.end(), [](const auto& each) { return each.empty(); });
    if (inputs.empty() || has_empty || inputs.size() > detail::mock_embedding_inputs) {
        return refuse_as_openai(reply, 400, "'$.input' is invalid: 1 to 2048 texts, none of them empty", {}, "input");
    }
    if (wanted.dimensions < 1 || wanted.dimensions > detail::mock_embedding_dimensions) {
        return refuse_as_openai(reply, 400, "'dimensions' must be 1 to 4096", {}, "dimensions");
    }
    reply.headers.add("content-type", "application/json");
    json::writer json(reply.body);
    json.begin_object().member("object", "list").key("data").begin_array();
    std::size_t tokens = 0;
    for (std::size_t index = 0; index < inputs.size(); ++index) {
        json.begin_object().member("object", "embedding").member("index", index).key("embedding");
        detail::write_embedding(json, mock_embedding(inputs[index], static_cast<std::size_t>(wanted.dimensions)),
                                wanted.base64);
        json.end_object();
        tokens += mock_tokens(inputs[index]);
    }
    json.end_array().member("model", wanted.model).key("usage").begin_object();
    json.member("prompt_tokens", tokens).member("total_tokens", tokens).end_object().end_object();
}

}  // namespace chorus::testing
