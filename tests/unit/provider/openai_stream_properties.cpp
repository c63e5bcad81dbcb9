// Any answer, sent as a stream and cut anywhere, comes to what it comes to as a whole; and no part of it passes for all.
#include <chorus/provider/openai_decode.hpp>
#include <chorus/provider/openai_stream.hpp>
#include <chorus/sse/decoder.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <support/describe.hpp>

namespace openai_stream_properties_tests {

namespace {

using namespace chorus;
using json = nlohmann::ordered_json;
using testing_support::describe;

class dice {
 public:
    explicit dice(unsigned seed) : engine_(seed) {}
    /// From 0 to below the limit.
    int below(int limit) { return static_cast<int>(engine_() % static_cast<unsigned>(limit)); }
    bool rarely() { return below(4) == 0; }
    bool evenly() { return below(2) == 0; }
    template <class List>
    const auto& one_of(const List& list) {
        return list[static_cast<std::size_t>(below(static_cast<int>(std::size(list))))];
    }

 private:
    std::mt19937 engine_;
};

/// Characters of one to four bytes, and those that JSON escapes.
constexpr std::array<const char*, 16> characters = {"a", "b", " ", "7", "\"", "\\", "\n",   "\t",
                                                    "/", "{", "}", "[", "é",  "€",  "\x01", "\U0001f600"};

std::vector<std::string> random_text(dice& roll, int most) {
    std::vector<std::string> text;
    for (int left = roll.below(most + 1); left > 0; --left) text.emplace_back(roll.one_of(characters));
    return text;
}
std::string joined(const std::vector<std::string>& characters_of_it) {
    std::string text;
    for (const std::string& each : characters_of_it) text += each;
    return text;
}
/// Cuts a text between characters; some pieces are empty.
std::vector<std::string> pieces_of(dice& roll, const std::vector<std::string>& text) {
    std::vector<std::string> pieces(1);
    for (const std::string& each : text) {
        while (roll.below(3) == 0) pieces.emplace_back();
        pieces.back() += each;
    }
    return pieces;
}

/// An answer as a body, and the chunks that it may be sent as.
struct sample {
    json whole;
    std::vector<json> chunks;
    std::size_t last_reason = 0;  // the chunk with which every choice has ended
    bool is_ascii = false;        // all else is escaped
};

/// Makes the deltas of one choice while it makes its message.
class choice_maker {
 public:
    choice_maker(dice& roll, int index) : roll_(roll), index_(index) {}

    json make() {
        message_["role"] = "assistant";
        deltas_.push_back({{"role", "assistant"}});
        if (roll_.evenly()) deltas_.back()["content"] = roll_.evenly() ? json("") : json(nullptr);
        if (roll_.evenly()) add_text(roll_.evenly() ? "reasoning_content" : "reasoning", 12);
        if (roll_.rarely()) add_details();
        add_text("content", 30);
        if (roll_.rarely()) add_text("refusal", 12);
        if (roll_.evenly()) add_calls();
        if (roll_.rarely()) add_annotations();
        if (roll_.rarely()) add_audio();
        json whole = {{"index", index_}, {"message", message_}, {"finish_reason", reason()}};
        if (roll_.rarely()) add_logprobs(whole);
        return whole;
    }
    /// In the order in which they are sent; the last one lacks the reason.
    const std::vector<json>& deltas() const { return deltas_; }
    /// What stands beside the delta of this number.
    json beside(std::size_t number) const {
        return number < tokens_.size() ? json{{"logprobs", {{"content", json::array({tokens_[number]})}}}}
                                       : json::object();
    }
    std::string reason() const { return has_calls_ ? "tool_calls" : "stop"; }

 private:
    void add_text(const char* name, int most) {
        const auto text = random_text(roll_, most);
        if (joined(text).empty() && std::string_view(name) != "content") return;
        message_[name] = joined(text);
        for (const std::string& each : pieces_of(roll_, text)) deltas_.push_back({{name, each}});
    }
    void add_details() {
        json list = json::array();
        for (int number = 0; number < 2; ++number) {
            const auto text = random_text(roll_, 8);
            json whole = {{"type", "reasoning.text"}, {"text", joined(text)}, {"index", number}};
            for (const std::string& each : pieces_of(roll_, text)) {
                deltas_.push_back({{"reasoning_details",
                                    json::array({{{"type", "reasoning.text"}, {"text", each}, {"index", number}}})}});
            }
            if (roll_.evenly()) {
                whole["signature"] = "s";
                deltas_.push_back(
                    {{"reasoning_details",
                      json::array(
                          {{{"type", "reasoning.text"}, {"text", ""}, {"index", number}, {"signature", "s"}}})}});
            }
            list.push_back(std::move(whole));
        }
        message_["reasoning_details"] = std::move(list);
    }
    void add_calls() {
        has_calls_ = true;
        const int dialect = roll_.below(4);
        json list = json::array();
        for (int number = 0; number <= roll_.below(3); ++number) {
            const std::string id = "call_" + std::to_string(index_) + "_" + std::to_string(number);
            json arguments;
            arguments[joined(random_text(roll_, 3))] = joined(random_text(roll_, 12));
            // As characters, so that it is not cut within one.
            std::vector<std::string> text;
            for (const char c : arguments.dump()) {
                if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) {
                    text.back() += c;
                } else {
                    text.emplace_back(1, c);
                }
            }
            const bool is_custom = roll_.rarely();
            const std::string type = is_custom ? "custom" : "function";
            const char* const member = is_custom ? "input" : "arguments";
            json call = {{"id", id}, {"type", type}, {type, {{"name", "f"}, {member, joined(text)}}}};
            json first = {{"id", id}, {"type", type}, {type, {{"name", "f"}, {member, ""}}}};
            // Servers with an index; those that count all calls as the first; those without; those that repeat the id.
            const auto place = [&](json piece) {
                if (dialect != 2) piece["index"] = dialect == 1 ? 0 : number;
                if (dialect == 3) piece["id"] = id;
                deltas_.push_back({{"tool_calls", json::array({std::move(piece)})}});
            };
            if (roll_.rarely()) {
                first["extra_content"] = {{"google", {{"thought_signature", "t"}}}};
                call["extra_content"] = first["extra_content"];
            }
            if (is_custom && call.contains("extra_content")) call.erase("extra_content"), first.erase("extra_content");
            place(std::move(first));
            for (const std::string& each : pieces_of(roll_, text)) place({{type, {{member, each}}}});
            list.push_back(std::move(call));
        }
        message_["tool_calls"] = std::move(list);
    }
    void add_annotations() {
        json list = json::array();
        for (int i = 0; i < 2; ++i) {
            json one = {{"type", "url_citation"},
                        {"url_citation",
                         {{"url", "https://x/" + std::to_string(i)},
                          {"title", joined(random_text(roll_, 5))},
                          {"start_index", i},
                          {"end_index", i + 3}}}};
            deltas_.push_back({{"annotations", json::array({one})}});
            list.push_back(std::move(one));
        }
        message_["annotations"] = std::move(list);
    }
    void add_audio() {
        message_["audio"] = {{"id", "audio_1"}, {"data", "QUJDREVG"}, {"transcript", "ab"}, {"expires_at", 1760000100}};
        deltas_.push_back({{"audio", {{"id", "audio_1"}, {"transcript", "a"}}}});
        deltas_.push_back({{"audio", {{"data", "QUJD"}, {"transcript", "b"}}}});
        deltas_.push_back({{"audio", {{"data", "REVG"}, {"expires_at", 1760000100}}}});
    }
    void add_logprobs(json& whole) {
        json list = json::array();
        for (std::size_t i = 0; i < deltas_.size() && i < 3; ++i) {
            tokens_.push_back({{"token", joined(random_text(roll_, 2))},
                               {"logprob", -0.5},
                               {"bytes", {97, static_cast<int>(i)}},
                               {"top_logprobs", json::array()}});
            list.push_back(tokens_.back());
        }
        whole["logprobs"] = {{"content", std::move(list)}};
    }

    dice& roll_;
    int index_;
    json message_;
    std::vector<json> deltas_;
    std::vector<json> tokens_;
    bool has_calls_ = false;
};

sample make_sample(unsigned seed) {
    dice roll(seed);
    sample made;
    const json head = {{"id", "chatcmpl-" + std::to_string(seed)},
                       {"created", 1760000000 + static_cast<int>(seed)},
                       {"model", "m-1"},
                       {"system_fingerprint", "fp_1"},
                       {"service_tier", "default"}};
    made.is_ascii = roll.evenly();
    made.whole = head;
    made.whole["object"] = "chat.completion";
    made.whole["choices"] = json::array();
    const int count = roll.rarely() ? 2 + roll.below(2) : 1;
    std::vector<choice_maker> makers;
    for (int index = 0; index < count; ++index) {
        makers.emplace_back(roll, index);
        made.whole["choices"].push_back(makers.back().make());
    }
    const json usage = {{"prompt_tokens", roll.below(100)},
                        {"completion_tokens", roll.below(100)},
                        {"total_tokens", roll.below(100)},
                        {"prompt_tokens_details", {{"cached_tokens", 1}}}};
    made.whole["usage"] = usage;

    const bool is_padded = roll.evenly();
    const auto chunk = [&](json choices) {
        json next = head;
        next["object"] = "chat.completion.chunk";
        next["choices"] = std::move(choices);
        next["usage"] = nullptr;
        if (is_padded) next["obfuscation"] = std::string(static_cast<std::size_t>(roll.below(5)), 'x');
        return next;
    };
    // Choices take turns as it falls; all begin before one ends.
    std::vector<std::size_t> sent(makers.size(), 0);
    std::size_t left = 0;
    for (const choice_maker& each : makers) left += each.deltas().size();
    const auto send = [&](std::size_t which) {
        json one = {{"index", static_cast<int>(which)}, {"delta", makers[which].deltas()[sent[which]]}};
        one.update(makers[which].beside(sent[which]));
        one["finish_reason"] = nullptr;
        made.chunks.push_back(chunk(json::array({std::move(one)})));
        ++sent[which];
        --left;
    };
    for (std::size_t which = 0; which < makers.size(); ++which) send(which);
    while (left > 0) {
        const auto which = static_cast<std::size_t>(roll.below(count));
        if (sent[which] < makers[which].deltas().size()) send(which);
    }
    const bool counts_at_the_end = roll.evenly();
    for (std::size_t which = 0; which < makers.size(); ++which) {
        made.chunks.push_back(chunk(json::array({{{"index", static_cast<int>(which)},
                                                  {"delta", json::object()},
                                                  {"finish_reason", makers[which].reason()}}})));
    }
    made.last_reason = made.chunks.size() - 1;
    if (counts_at_the_end) {
        made.chunks.push_back(chunk(json::array()));
    }
    made.chunks.back()["usage"] = usage;
    return made;
}

/// The bytes of a stream, and where they say enough.
struct written {
    std::string bytes;
    std::size_t reasons_given = 0;  // behind the chunk with the last reason, less the line ends
    std::size_t marked = 0;         // behind the mark of the end
};

written written_as_stream(const sample& what, unsigned seed) {
    dice roll(seed + 7);
    written out;
    const std::string end = roll.one_of(std::array<const char*, 3>{"\n", "\r\n", "\r"});
    for (std::size_t i = 0; i < what.chunks.size(); ++i) {
        if (roll.rarely()) out.bytes += ": keep-alive" + end + end;
        out.bytes += (roll.rarely() ? "data:" : "data: ") + what.chunks[i].dump(-1, ' ', what.is_ascii);
        if (i == what.last_reason) out.reasons_given = out.bytes.size();
        out.bytes += end + end;
    }
    out.bytes += "data: [DONE]";
    out.marked = out.bytes.size();
    out.bytes += end + end;
    return out;
}

/// Reads a stream in pieces, as a client does.
class reading {
 public:
    explicit reading(bool requires_done)
        : decoder_(openai_format::make_stream_decoder(openai_quirks().requires_done(requires_done))) {}

    void take(std::string_view bytes) {
        // In memory of its own, so that reading beyond a piece is seen.
        const std::vector<char> piece(bytes.begin(), bytes.end());
        events_.feed({piece.data(), piece.size()});
        sse::event next;
        for (sse::step came; (came = events_.next(next)) != sse::step::more;) {
            ASSERT_NE(came, sse::step::failed);
            if (came == sse::step::event) understand(next);
        }
    }
    /// Tells the end. True if the answer is complete.
    bool finish() {
        for (const choice& each : into.so_far().choices) {
            EXPECT_EQ(texts_[static_cast<std::size_t>(each.index)], each.message.content);
        }
        sse::event last;
        if (events_.finish(last) && (json::accept(last.data) || last.data.starts_with("[DONE]"))) understand(last);
        const bool is_whole = decoder_->is_complete() || decoder_->finish(into).has_value();
        into.end();
        return is_whole;
    }
    std::string described() const { return describe(into.so_far()); }

    chat_accumulator into;

 private:
    void understand(const sse::event& next) {
        const auto understood = decoder_->read(next, into);
        EXPECT_TRUE(understood) << next.data << ": " << understood.error().message();
        for (chat_event event; into.next(event);) tally(event);
    }
    // The events tell the same story as the answer.
    void tally(const chat_event& event) {
        if (const auto* text = std::get_if<text_event>(&event)) {
            texts_[static_cast<std::size_t>(text->choice)] += text->text;
            EXPECT_TRUE(std::string_view(into.message_of(text->choice).content).ends_with(text->text));
        }
    }

    sse::decoder events_;
    std::unique_ptr<chat_stream_decoder> decoder_;
    std::array<std::string, 8> texts_;
};

std::string described_whole(const sample& what) {
    const auto decoded =
        openai_format::decode_chat(http::response{200, {}, what.whole.dump(-1, ' ', what.is_ascii), {}}, {});
    EXPECT_TRUE(decoded);
    return decoded ? describe(*decoded) : "";
}

constexpr unsigned samples = 120;

/// Samples of which each byte can be looked at.
std::vector<unsigned> small_samples(std::size_t count) {
    std::vector<unsigned> seeds;
    for (unsigned seed = 0; seeds.size() < count; ++seed) {
        if (written_as_stream(make_sample(seed), seed).bytes.size() < 1600) seeds.push_back(seed);
    }
    return seeds;
}

TEST(openai_stream_properties, an_answer_comes_to_the_same_as_a_stream) {
    for (unsigned seed = 0; seed < samples; ++seed) {
        const sample what = make_sample(seed);
        reading in(true);
        in.take(written_as_stream(what, seed).bytes);
        EXPECT_TRUE(in.finish());
        ASSERT_EQ(in.described(), described_whole(what)) << "seed " << seed << "\n" << what.whole.dump(1);
    }
}

TEST(openai_stream_properties, the_cuts_make_no_difference) {
    for (unsigned seed = 0; seed < samples; seed += 20) {
        const sample what = make_sample(seed);
        const std::string bytes = written_as_stream(what, seed).bytes;
        const std::string expected = described_whole(what);
        for (const std::size_t size : std::initializer_list<std::size_t>{1, 2, 3, 7, 64, 1000}) {
            reading in(true);
            for (std::size_t at = 0; at < bytes.size(); at += size) in.take(std::string_view(bytes).substr(at, size));
            EXPECT_TRUE(in.finish());
            ASSERT_EQ(in.described(), expected) << "seed " << seed << ", pieces of " << size;
        }
    }
    for (const unsigned seed : small_samples(2)) {
        const sample what = make_sample(seed);
        const std::string bytes = written_as_stream(what, seed).bytes;
        const std::string expected = described_whole(what);
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
            reading in(true);
            in.take(std::string_view(bytes).substr(0, cut));
            in.take(std::string_view(bytes).substr(cut));
            EXPECT_TRUE(in.finish());
            ASSERT_EQ(in.described(), expected) << "seed " << seed << ", cut at " << cut;
        }
    }
}

TEST(openai_stream_properties, a_stream_that_is_cut_off_never_passes_for_a_whole_one) {
    for (const unsigned seed : small_samples(2)) {
        const sample what = make_sample(seed);
        const written stream = written_as_stream(what, seed);
        ASSERT_GT(stream.reasons_given, 0u);
        for (std::size_t size = 0; size <= stream.bytes.size(); ++size) {
            for (const bool requires_done : {true, false}) {
                reading in(requires_done);
                in.take(std::string_view(stream.bytes).substr(0, size));
                const std::size_t enough = requires_done ? stream.marked : stream.reasons_given;
                ASSERT_EQ(in.finish(), size >= enough) << "seed " << seed << ", cut at " << size;
            }
        }
    }
}

TEST(openai_stream_properties, no_bytes_break_it) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        dice roll(seed);
        std::string bytes = written_as_stream(make_sample(seed % 20), seed).bytes;
        for (int change = 0; change <= roll.below(8); ++change) {
            const auto at = static_cast<std::size_t>(roll.below(static_cast<int>(bytes.size())));
            switch (roll.below(3)) {
                case 0:
                    bytes[at] = static_cast<char>(roll.below(256));
                    break;
                case 1:
                    bytes.erase(at, static_cast<std::size_t>(roll.below(40)));
                    break;
                default:
                    bytes.insert(
                        at, bytes.substr(static_cast<std::size_t>(roll.below(static_cast<int>(bytes.size()))), 30));
            }
        }
        sse::decoder events;
        chat_accumulator into;
        const auto decoder = openai_format::make_stream_decoder();
        events.feed(bytes);
        sse::event next;
        for (sse::step came; (came = events.next(next)) != sse::step::more && came != sse::step::failed;) {
            if (came == sse::step::event && !decoder->read(next, into)) break;
            testing_support::describe_events(into);
        }
        (void)decoder->finish(into);
        into.end();
        testing_support::describe_events(into);
    }
}

}  // namespace

}  // namespace openai_stream_properties_tests
