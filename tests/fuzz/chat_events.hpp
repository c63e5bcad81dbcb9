// A body read as the answer of a provider, whole and in pieces.
#pragma once

#include <chorus/provider/chat_stream_reader.hpp>

#include <memory>
#include <string>
#include <variant>

#include "fuzz/said_again.hpp"
#include "fuzz/target.hpp"
#include "support/describe.hpp"

namespace fuzz {

/// The end of a reading: how it went, and what it gave.
struct reading {
    chorus::chat_stream_reader reader;
    std::string texts;
    bool is_failed = false;

    explicit reading(const chorus::provider& api) : reader(api, head(), {.heartbeats = true}, {}, caps()) {}

    bool take(std::string_view bytes) {
        const auto taken = reader.take(bytes);
        collect();
        is_failed = !taken;
        return !is_failed;
    }
    void finish() {
        if (is_failed) return;
        is_failed = !reader.finish();
        collect();
        require(is_failed || reader.is_complete(), "what ends without an error is complete");
    }
    void collect() {
        for (chorus::chat_event event; reader.next(event);) {
            if (const auto* piece = std::get_if<chorus::text_event>(&event)) texts.append(piece->text);
        }
    }
    static chorus::http::response head() {
        chorus::http::response answer;
        answer.status = 200;
        return answer;
    }
    static chorus::http::limits caps() {
        chorus::http::limits small;
        small.body_bytes = 1 << 20;
        return small;
    }
};

/// Fails if the cuts show, or if the texts of the events are not those of the answer.
inline void check_chat_events(const chorus::provider& api, const std::uint8_t* bytes, std::size_t size) {
    const cut_input input(bytes, size);
    reading whole(api);
    reading cut(api);
    whole.take(input.whole());
    whole.finish();
    input.for_each_piece([&](std::string_view piece) { return cut.take(piece); });
    cut.finish();
    require(whole.is_failed == cut.is_failed, "success does not depend on the cuts");
    require(whole.texts == cut.texts, "the texts do not depend on the cuts");
    const auto answer = whole.reader.response({});
    if (!whole.is_failed && answer.choices().size() == 1) {
        require(whole.texts == answer.text(), "the texts of the events are the text of the answer");
    }
    check_said_again({&api}, answer);
}

}  // namespace fuzz
