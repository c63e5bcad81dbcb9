// Contracts of reading answers in Anthropic's format that come as a stream: the same as those that come whole.
#include <chorus/json/text.hpp>
#include <chorus/provider/anthropic_decode.hpp>
#include <chorus/provider/anthropic_encode.hpp>
#include <chorus/provider/anthropic_stream.hpp>
#include <chorus/sse/decoder.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace anthropic_stream_tests {

namespace {

using namespace chorus;
using json = nlohmann::ordered_json;

/// One streamed answer, and what its events told.
struct reading {
    explicit reading(chat_event_options wanted = {}) : accumulator(wanted) {}

    /// Reads the events of a piece of a stream.
    result<void> take(std::string_view piece) {
        events.feed(piece);
        for (sse::event next;;) {
            const auto came = events.next(next);
            if (came == sse::step::more) return {};
            if (came != sse::step::event) continue;
            if (auto read = decoder->read(next, accumulator); !read) return read;
            drain();
        }
    }
    result<void> take_data(std::string_view data) { return take("data: " + std::string(data) + "\n\n"); }

    void drain() {
        for (chat_event event; accumulator.next(event);) {
            if (const auto* text = std::get_if<text_event>(&event)) {
                told += "t(" + std::string(text->text) + ")";
                text_told += text->text;
            } else if (const auto* thought = std::get_if<reasoning_event>(&event)) {
                told += "r(" + std::string(thought->text) + ")";
                reasoning_told += thought->text;
            } else if (const auto* begun = std::get_if<tool_call_started_event>(&event)) {
                told += "+" + begun->call->name;
                arguments_told.resize(begun->position + 1);
            } else if (const auto* more = std::get_if<tool_call_arguments_event>(&event)) {
                told += "a(" + std::string(more->text) + ")";
                arguments_told.at(more->position) += more->text;
            } else if (const auto* done = std::get_if<tool_call_finished_event>(&event)) {
                told += "-" + done->call->name;
            } else if (const auto* end = std::get_if<finish_event>(&event)) {
                told += "=" + std::string(end->reason);
            } else if (std::holds_alternative<heartbeat_event>(event)) {
                told += "*";
            }
        }
    }

    const answer& message() const { return accumulator.so_far().choices.at(0).message; }

    sse::decoder events;
    std::unique_ptr<chat_stream_decoder> decoder = anthropic_format::make_stream_decoder();
    chat_accumulator accumulator;
    std::string told;
    std::string text_told;
    std::string reasoning_told;
    std::vector<std::string> arguments_told;
};

const std::string sample =
    "event: message_start\n"
    R"(data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],)"
    R"("model":"claude-x","stop_reason":null,"usage":{"input_tokens":10,"output_tokens":1}}})"
    "\n\nevent: content_block_start\n"
    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
    "\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"
    "event: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"
    "\n\nevent: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" \u00e9"}})"
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\n"
    R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":)"
    R"({"output_tokens":5,"cache_read_input_tokens":2}})"
    "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

std::string start(int index, std::string_view block) {
    return R"({"type":"content_block_start","index":)" + std::to_string(index) + R"(,"content_block":)" +
           std::string(block) + "}";
}
std::string delta(int index, std::string_view of) {
    return R"({"type":"content_block_delta","index":)" + std::to_string(index) + R"(,"delta":)" + std::string(of) + "}";
}
std::string text(int index, std::string_view piece) {
    return delta(index, R"({"type":"text_delta","text":")" + std::string(piece) + "\"}");
}
std::string arguments(int index, std::string_view piece) {
    return delta(index, json{{"type", "input_json_delta"}, {"partial_json", piece}}.dump());
}
std::string stop(int index) {
    return R"({"type":"content_block_stop","index":)" + std::to_string(index) + "}";
}
std::string end(std::string_view reason) {
    return R"({"type":"message_delta","delta":{"stop_reason":")" + std::string(reason) + R"("}})";
}
const std::string message_stop = R"({"type":"message_stop"})";

/// Reads events given by their data.
std::unique_ptr<reading> read_all(const std::vector<std::string>& events, chat_event_options wanted = {}) {
    auto all = std::make_unique<reading>(wanted);
    for (const std::string& data : events) {
        const auto read = all->take_data(data);
        EXPECT_TRUE(read) << data << ": " << read.error().message();
    }
    return all;
}

TEST(anthropic_stream, reads_a_message) {
    reading all({.heartbeats = true, .raw_events = false});
    ASSERT_TRUE(all.take(sample));
    EXPECT_EQ(all.told, "*t(Hi)t( \u00e9)=stop");
    EXPECT_TRUE(all.decoder->is_complete());
    EXPECT_TRUE(all.decoder->finish(all.accumulator));
    const chat_completion& whole = all.accumulator.so_far();
    EXPECT_EQ(whole.id, "msg_1");
    EXPECT_EQ(whole.model, "claude-x");
    EXPECT_EQ(all.message().content, "Hi \u00e9");
    EXPECT_EQ(all.message().role, "assistant");
    EXPECT_EQ(whole.choices.at(0).finish_reason, "stop");
    EXPECT_EQ(whole.usage.prompt_tokens, 12);
    EXPECT_EQ(whole.usage.prompt.cached_tokens, 2);
    EXPECT_EQ(whole.usage.completion_tokens, 5);
    EXPECT_EQ(whole.usage.total_tokens, 17);
    EXPECT_TRUE(all.message().native.json.empty());
}

TEST(anthropic_stream, is_never_complete_without_its_end) {
    for (std::size_t size = 0; size < sample.size(); ++size) {
        reading cut;
        EXPECT_TRUE(cut.take(std::string_view(sample).substr(0, size))) << size;
        if (cut.decoder->is_complete()) {
            EXPECT_EQ(size, sample.size());
            continue;
        }
        const auto ended = cut.decoder->finish(cut.accumulator);
        ASSERT_FALSE(ended) << size;
        EXPECT_EQ(ended.error(), errc::truncated);
        EXPECT_EQ(ended.error(), condition::truncated);
    }
}

TEST(anthropic_stream, tells_calls_as_they_are_written) {
    const auto all = read_all({start(0, R"({"type":"tool_use","id":"t1","name":"add","input":{}})"), arguments(0, ""),
                               arguments(0, R"({"a":)"), arguments(0, "1}"), stop(0),
                               start(1, R"({"type":"tool_use","id":"t2","name":"now","input":{}})"), stop(1),
                               start(2, R"({"type":"tool_use","id":"t3","name":"eager","input":{"b":2}})"), stop(2),
                               end("tool_use"), message_stop});
    EXPECT_EQ(all->told, R"(+adda({"a":)a(1})-add+nowa({})-now+eagera({"b":2})-eager=tool_calls)");
    const auto& calls = all->message().tool_calls;
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls[0], (tool_call{"t1", "function", "add", R"({"a":1})", ""}));
    EXPECT_EQ(calls[1], (tool_call{"t2", "function", "now", "{}", ""}));
    EXPECT_EQ(calls[2], (tool_call{"t3", "function", "eager", R"({"b":2})", ""}));
    EXPECT_TRUE(all->message().native.json.empty());
}

TEST(anthropic_stream, finishes_calls_whose_block_has_no_end) {
    const auto all = read_all({start(0, R"({"type":"tool_use","id":"t1","name":"f","input":{}})"), end("tool_use")});
    EXPECT_EQ(all->told, "+fa({})-f=tool_calls");
}

TEST(anthropic_stream, keeps_calls_apart_that_interleave) {
    const auto all =
        read_all({start(1, R"({"type":"tool_use","id":"a","name":"f","input":{}})"),
                  start(2, R"({"type":"tool_use","id":"b","name":"f","input":{}})"), arguments(1, "{\"x\""),
                  arguments(2, "{\"y\""), arguments(1, ":1}"), arguments(2, ":2}"), stop(2), stop(1), message_stop});
    const auto& calls = all->message().tool_calls;
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].arguments, R"({"x":1})");
    EXPECT_EQ(calls[1].arguments, R"({"y":2})");
}

TEST(anthropic_stream, keeps_what_must_be_sent_back) {
    const auto all = read_all(
        {start(0, R"({"type":"thinking","thinking":"","signature":""})"),
         delta(0, R"({"type":"thinking_delta","thinking":"Hm \"a\"."})"),
         delta(0, R"({"type":"signature_delta","signature":"EqQ="})"),
         stop(0),
         start(1, R"({"type":"redacted_thinking","data":"xyz"})"),
         stop(1),
         start(2, R"({"type":"server_tool_use","id":"s1","name":"web_search","input":{}})"),
         arguments(2, R"({"query":)"),
         arguments(2, R"("q"})"),
         stop(2),
         start(3, R"({"type":"web_search_tool_result","tool_use_id":"s1","content":[{"url":"https://u"}]})"),
         stop(3),
         start(4, R"({"type":"text","text":"","citations":[]})"),
         text(4, "It is."),
         delta(4, R"({"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://u"}})"),
         delta(4, R"({"type":"citations_delta","citation":{"type":"page_location","document_title":"D"}})"),
         stop(4),
         start(5, R"({"type":"tool_use","id":"t1","name":"f","input":{}})"),
         arguments(5, R"({"a":1})"),
         stop(5),
         end("tool_use"),
         message_stop});
    EXPECT_EQ(all->message().reasoning, "Hm \"a\".");
    EXPECT_EQ(all->message().reasoning_field, "thinking");
    EXPECT_EQ(all->message().native.format, "anthropic");
    EXPECT_EQ(all->message().native.json,
              R"([{"type":"thinking","thinking":"Hm \"a\".","signature":"EqQ="},)"
              R"({"type":"redacted_thinking","data":"xyz"},)"
              R"({"type":"server_tool_use","id":"s1","name":"web_search","input":{"query":"q"}},)"
              R"({"type":"web_search_tool_result","tool_use_id":"s1","content":[{"url":"https://u"}]},)"
              R"({"type":"text","text":"It is.","citations":[{"type":"web_search_result_location","url":"https://u"},)"
              R"({"type":"page_location","document_title":"D"}]},)"
              R"({"type":"tool_use","id":"t1","name":"f","input":{"a":1}}])");
    const auto& sources = all->message().annotations;
    ASSERT_EQ(sources.size(), 2u);
    EXPECT_EQ(sources[0].type, "url_citation");
    EXPECT_EQ(sources[0].url, "https://u");
    EXPECT_EQ(sources[0].start_index, 0);
    EXPECT_EQ(sources[0].end_index, 6);
    EXPECT_EQ(sources[1].title, "D");

    const auto body = anthropic_format::encode_chat(
        chat_request("m").user("hi").add(all->message().to_message()).add(message::tool("t1", "2")));
    ASSERT_TRUE(body);
    EXPECT_NE(body->find(all->message().native.json), std::string::npos);
}

TEST(anthropic_stream, says_arguments_that_are_no_json_as_the_api_wants_them_back) {
    const auto all = read_all({start(0, R"({"type":"tool_use","id":"t1","name":"f","input":{}})"),
                               arguments(0, R"({"a":"cut)"), stop(0), end("max_tokens"), message_stop});
    EXPECT_EQ(all->message().tool_calls.at(0).arguments, R"({"a":"cut)");
    EXPECT_EQ(all->message().native.json,
              R"([{"type":"tool_use","id":"t1","name":"f","input":{"INVALID_JSON":"{\"a\":\"cut"}}])");
    EXPECT_TRUE(anthropic_format::encode_chat(chat_request("m").user("hi").add(all->message().to_message())));
}

TEST(anthropic_stream, counts_what_is_counted_last) {
    const auto all = read_all(
        {R"({"type":"message_start","message":{"usage":{"input_tokens":10,"cache_creation_input_tokens":1,"output_tokens":1}}})",
         R"({"type":"message_delta","delta":{},"usage":{"output_tokens":3}})",
         R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":11,"output_tokens":7,"output_tokens_details":{"thinking_tokens":4},"service_tier":"priority"}})",
         message_stop});
    const usage& counts = all->accumulator.so_far().usage;
    EXPECT_EQ(counts.prompt_tokens, 12);
    EXPECT_EQ(counts.completion_tokens, 7);
    EXPECT_EQ(counts.completion.reasoning_tokens, 4);
    EXPECT_EQ(counts.total_tokens, 19);
    EXPECT_EQ(all->accumulator.so_far().service_tier, "priority");
}

TEST(anthropic_stream, takes_members_in_any_order) {
    const auto all = read_all({R"({"content_block":{"text":"a","type":"text"},"index":0,"type":"content_block_start"})",
                               R"({"delta":{"text":"b","type":"text_delta"},"type":"content_block_delta","index":0})",
                               R"({"type":"content_block_delta","delta":{"text":"c","type":"text_delta"},"index":0})",
                               R"({"index":0,"type":"content_block_delta","delta":{"text":"d","type":"text_delta"}})",
                               R"({"type":"content_block_delta","delta":{"type":"text_delta","text":"e"}})"});
    EXPECT_EQ(all->told, "t(a)t(b)t(c)t(d)t(e)");
}

TEST(anthropic_stream, takes_the_type_from_the_event_if_the_data_has_none) {
    reading all;
    ASSERT_TRUE(
        all.take("event: content_block_start\ndata: {\"index\":0,\"content_block\":{\"type\":\"text\"}}\n\n"
                 "event: content_block_delta\n"
                 "data: {\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n"
                 "event: message_stop\ndata: {}\n\n"));
    EXPECT_EQ(all.told, "t(a)");
    EXPECT_TRUE(all.decoder->is_complete());
}

TEST(anthropic_stream, takes_text_whose_block_never_began) {
    const auto all = read_all({text(0, "a"), text(0, "b"), delta(1, R"({"type":"thinking_delta","thinking":"c"})"),
                               end("end_turn"), message_stop});
    EXPECT_EQ(all->message().content, "ab");
    EXPECT_EQ(all->message().reasoning, "c");
    EXPECT_EQ(all->message().native.json,
              R"([{"type":"text","text":"ab"},{"type":"thinking","thinking":"c","signature":""}])");
}

TEST(anthropic_stream, passes_over_what_it_does_not_know) {
    reading all;
    ASSERT_TRUE(
        all.take("data: {\"type\":\"future\",\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n"
                 "event: future\ndata: no JSON\n\n"
                 "event: ping\ndata: no JSON\n\n"
                 "data: null\n\ndata: {\"type\":\"ping\",\"error\":null}\n\n"));
    ASSERT_TRUE(all.take_data(start(0, R"({"type":"text","text":""})")));
    ASSERT_TRUE(all.take_data(delta(0, R"({"type":"future_delta","text":"x"})")));
    ASSERT_TRUE(all.take_data(delta(0, R"({"text":"x"})")));
    ASSERT_TRUE(all.take_data(arguments(0, "x")));
    ASSERT_TRUE(all.take_data(arguments(9, "x")));
    ASSERT_TRUE(all.take_data(stop(9)));
    ASSERT_TRUE(all.take_data(stop(0)));
    ASSERT_TRUE(all.take_data(text(0, "late")));
    ASSERT_TRUE(all.take_data(start(1, R"({"type":"oracle","text":"d","n":1})")));
    ASSERT_TRUE(all.take_data(text(1, "e")));
    ASSERT_TRUE(all.take_data("[DONE]"));
    EXPECT_FALSE(all.decoder->is_complete());
    ASSERT_TRUE(all.take_data(message_stop));
    EXPECT_EQ(all.told, "");
    EXPECT_EQ(all.message().native.json, R"([{"type":"text","text":""},{"type":"oracle","n":1,"text":"de"}])");
}

TEST(anthropic_stream, is_not_misled_by_events_that_look_alike) {
    const auto begun = [] {
        return read_all(
            {start(0, R"({"type":"text","text":""})"), text(0, "a"), text(0, "b") + "  ", text(0, "\\\"c")});
    };
    auto all = begun();
    const std::string alike = text(0, "d");
    const std::string_view open = std::string_view(alike).substr(0, alike.size() - 2);
    ASSERT_TRUE(all->take_data(std::string(open) + R"(,"future":1}})"));
    ASSERT_TRUE(all->take_data(std::string(open) + R"(},"future":"}}"})"));
    ASSERT_TRUE(all->take_data(std::string(open) + R"(,"type":"future_delta"}})"));
    ASSERT_TRUE(all->take_data(std::string(open) + R"(},"type":"ping"})"));
    EXPECT_EQ(all->message().content, "ab\"cdd");
    for (const char* broken : {"", "}", "}}}", "}},", "}} x"}) {
        EXPECT_FALSE(begun()->take_data(std::string(open) + broken)) << broken;
    }

    // The same bytes belong to the block that is open.
    const std::string call = R"({"type":"tool_use","id":"t","name":"f","input":{}})";
    for (const std::string& data :
         {stop(0), text(0, "late"), text(0, "late"), start(0, R"({"type":"text","text":""})"), text(0, "e"), stop(0),
          start(0, call), text(0, "x"), text(0, "x"), arguments(0, "{"), arguments(0, "}"), stop(0),
          arguments(0, "late"), message_stop}) {
        ASSERT_TRUE(all->take_data(data));
    }
    EXPECT_EQ(all->message().content, "ab\"cdde");
    EXPECT_EQ(all->message().tool_calls.at(0).arguments, "{}");
}

TEST(anthropic_stream, reads_a_message_that_says_nothing) {
    const auto all = read_all({message_stop});
    EXPECT_TRUE(all->decoder->is_complete());
    EXPECT_EQ(all->accumulator.so_far().choices.size(), 1u);
    EXPECT_EQ(all->message().content, "");
}

TEST(anthropic_stream, classes_an_error_by_its_words) {
    const auto failed = [](std::string_view events) {
        reading all;
        EXPECT_TRUE(all.take_data(text(0, "part")));
        const auto read = all.take(events);
        EXPECT_FALSE(read);
        EXPECT_EQ(all.message().content, "part");
        return read ? error() : read.error();
    };
    const error busy = failed(
        "event: error\ndata: "
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n");
    EXPECT_EQ(busy, errc::overloaded);
    EXPECT_EQ(busy, condition::retryable);
    EXPECT_EQ(busy.text(), "Overloaded");
    EXPECT_EQ(busy.type(), "overloaded_error");
    EXPECT_EQ(failed("data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}\n\n"), errc::rate_limited);
    EXPECT_EQ(failed("data: {\"error\":{\"message\":\"m\"}}\n\n"), errc::server_error);
    EXPECT_EQ(failed("event: error\ndata: upstream gone\n\n").text(), "upstream gone");
    EXPECT_EQ(failed("data: {\"type\":\"content_block_delta\",\n\n"), errc::decode_failed);
    EXPECT_EQ(failed("event: message_stop\ndata: {\n\n"), errc::decode_failed);
}

TEST(anthropic_stream, bounds_what_a_server_can_make_it_hold) {
    reading many;
    result<void> read;
    std::size_t blocks = 0;
    while (read && blocks < 100'000) {
        read = many.take_data(start(0, R"({"type":"text","text":""})"));
        ++blocks;
    }
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), errc::decode_failed);

    reading calls;
    for (std::size_t i = 0; i < chat_accumulator::most_tool_calls; ++i) {
        ASSERT_TRUE(calls.take_data(start(0, R"({"type":"tool_use","name":"f","input":{}})")));
    }
    EXPECT_FALSE(calls.take_data(start(0, R"({"type":"tool_use","name":"f","input":{}})")));
}

// --- any message, cut anywhere ---

/// Makes messages and streams of them, the same for the same seed.
class generator {
 public:
    explicit generator(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_); }
    bool rarely() { return below(4) == 0; }

    std::string words() {
        static const std::vector<std::string> known = {"Hi", " ", "\n", "\"", "\\",  "é",   "漢",
                                                       "😀", "{", "]",  ":",  "a b", "\x01"};
        std::string text;
        for (std::size_t count = below(12); count > 0; --count) text += known[below(known.size())];
        return text;
    }
    json input() {
        json made = json::object();
        for (std::size_t count = below(4); count > 0; --count) {
            made["k" + std::to_string(count)] = rarely() ? json{words(), 1.5, nullptr} : json(words());
        }
        return made;
    }
    json citation() {
        if (rarely()) return {{"type", "char_location"}, {"cited_text", words()}, {"document_title", words()}};
        return {{"type", "web_search_result_location"}, {"url", "https://u"}, {"title", words()}};
    }

    json block(std::size_t number) {
        switch (below(8)) {
            case 0:
            case 1: {
                json made{{"type", "thinking"}, {"thinking", words()}, {"signature", "s" + words()}};
                if (rarely()) made["future"] = input();
                return made;
            }
            case 2:
                return {{"type", "tool_use"}, {"id", "t" + std::to_string(number)}, {"name", "f"}, {"input", input()}};
            case 3:
                return {{"type", "redacted_thinking"}, {"data", words()}};
            case 4:
                return {{"type", "server_tool_use"}, {"id", "s"}, {"name", "web_search"}, {"input", input()}};
            case 5: {
                json made{{"type", "text"}, {"text", words()}, {"citations", json::array()}};
                for (std::size_t count = below(3); count > 0; --count) made["citations"].push_back(citation());
                return made;
            }
            default:
                return {{"type", "text"}, {"text", words()}};
        }
    }

    json message() {
        json made{{"id", "msg_1"}, {"type", "message"}, {"role", "assistant"}, {"model", "claude-x"}};
        made["content"] = json::array();
        for (std::size_t count = below(6); count > 0; --count) made["content"].push_back(block(count));
        static const std::vector<std::string> reasons = {"end_turn", "tool_use", "max_tokens", "refusal", "pause_turn"};
        made["stop_reason"] = reasons[below(reasons.size())];
        if (rarely()) made["stop_details"] = {{"type", "refusal"}, {"explanation", words()}};
        made["usage"] = {{"input_tokens", below(100)}, {"output_tokens", below(100)}, {"service_tier", "standard"}};
        if (rarely()) made["usage"]["cache_read_input_tokens"] = below(100);
        return made;
    }

    /// The message as a stream.
    std::string stream(const json& message) {
        out_.clear();
        json head = message;
        head["content"] = json::array();
        head["stop_reason"] = nullptr;
        head["usage"]["output_tokens"] = 1;
        event({{"type", "message_start"}, {"message", head}});
        for (std::size_t index = 0; index < message["content"].size(); ++index) block(index, message["content"][index]);
        if (rarely()) event({{"type", "message_delta"}, {"delta", json::object()}, {"usage", {{"output_tokens", 3}}}});
        json ended{{"stop_reason", message["stop_reason"]}, {"stop_sequence", nullptr}};
        if (message.contains("stop_details")) ended["stop_details"] = message["stop_details"];
        event({{"type", "message_delta"}, {"delta", ended}, {"usage", message["usage"]}});
        event({{"type", "message_stop"}});
        return out_;
    }

    /// Cuts a text between characters.
    std::vector<std::string> pieces(const std::string& whole) {
        std::vector<std::string> cut;
        for (std::size_t at = 0; at < whole.size();) {
            std::size_t size = 1 + below(6);
            while (at + size < whole.size() && (static_cast<unsigned char>(whole[at + size]) & 0xc0) == 0x80) ++size;
            cut.push_back(whole.substr(at, size));
            at += size;
        }
        return cut;
    }

 private:
    void block(std::size_t index, const json& whole) {
        json begun = whole;
        for (const char* name : {"text", "thinking", "signature"}) {
            if (begun.contains(name)) begun[name] = "";
        }
        if (begun.contains("input")) begun["input"] = json::object();
        if (begun.contains("citations")) begun["citations"] = json::array();
        event({{"type", "content_block_start"}, {"index", index}, {"content_block", begun}});
        const auto spread = [&](const char* type, const char* member, const std::string& text) {
            for (const std::string& piece : pieces(text)) {
                event(
                    {{"type", "content_block_delta"}, {"index", index}, {"delta", {{"type", type}, {member, piece}}}});
            }
        };
        spread("text_delta", "text", whole.value("text", ""));
        spread("thinking_delta", "thinking", whole.value("thinking", ""));
        spread("signature_delta", "signature", whole.value("signature", ""));
        if (whole.contains("input") && !whole["input"].empty()) {
            spread("input_json_delta", "partial_json", whole["input"].dump());
        }
        for (const json& each : whole.value("citations", json::array())) {
            event({{"type", "content_block_delta"},
                   {"index", index},
                   {"delta", {{"type", "citations_delta"}, {"citation", each}}}});
        }
        event({{"type", "content_block_stop"}, {"index", index}});
    }

    void event(json data) {
        if (rarely()) out_ += "event: ping\ndata: {\"type\": \"ping\"}\n\n";
        if (rarely()) out_ += ": alive\n\n";
        if (rarely()) out_ += "event: future\ndata: {\"type\":\"future\",\"text\":\"x\"}\n\n";
        const std::string type = data["type"];
        if (rarely()) {
            // Members the other way round.
            json turned = json::object();
            for (auto it = data.end(); it != data.begin();) {
                --it;
                turned[it.key()] = *it;
            }
            data = std::move(turned);
        }
        if (rarely()) data["future"] = {{"error", nullptr}};
        out_ += "event: " + type + (rarely() ? "\r\n" : "\n");
        out_ += "data: " + data.dump(rarely() ? 1 : -1, ' ', rarely());
        // A pretty document has lines of its own: each is a line of data.
        for (std::size_t at = out_.rfind("data: "); (at = out_.find('\n', at)) != out_.npos; at += 7) {
            out_.insert(at + 1, "data: ");
        }
        out_ += "\n\n";
    }

    std::mt19937 random_;
    std::string out_;
};

void expect_same(const chat_completion& got, const chat_completion& wanted) {
    EXPECT_EQ(got.id, wanted.id);
    EXPECT_EQ(got.model, wanted.model);
    EXPECT_EQ(got.service_tier, wanted.service_tier);
    EXPECT_EQ(got.usage.prompt_tokens, wanted.usage.prompt_tokens);
    EXPECT_EQ(got.usage.completion_tokens, wanted.usage.completion_tokens);
    EXPECT_EQ(got.usage.total_tokens, wanted.usage.total_tokens);
    EXPECT_EQ(got.usage.prompt.cached_tokens, wanted.usage.prompt.cached_tokens);
    ASSERT_EQ(got.choices.size(), wanted.choices.size());
    EXPECT_EQ(got.choices[0].finish_reason, wanted.choices[0].finish_reason);
    const answer& left = got.choices[0].message;
    const answer& right = wanted.choices[0].message;
    EXPECT_EQ(left.role, right.role);
    EXPECT_EQ(left.content, right.content);
    EXPECT_EQ(left.refusal, right.refusal);
    EXPECT_EQ(left.reasoning, right.reasoning);
    EXPECT_EQ(left.reasoning_field, right.reasoning_field);
    EXPECT_EQ(left.tool_calls, right.tool_calls);
    EXPECT_EQ(left.native.format, right.native.format);
    // Equal in meaning: the order of members may differ.
    ASSERT_EQ(left.native.json.empty(), right.native.json.empty());
    if (!left.native.json.empty()) {
        EXPECT_EQ(nlohmann::json::parse(left.native.json), nlohmann::json::parse(right.native.json));
    }
    ASSERT_EQ(left.annotations.size(), right.annotations.size());
    for (std::size_t i = 0; i < left.annotations.size(); ++i) {
        EXPECT_EQ(left.annotations[i].type, right.annotations[i].type);
        EXPECT_EQ(left.annotations[i].url, right.annotations[i].url);
        EXPECT_EQ(left.annotations[i].title, right.annotations[i].title);
        EXPECT_EQ(left.annotations[i].start_index, right.annotations[i].start_index);
        EXPECT_EQ(left.annotations[i].end_index, right.annotations[i].end_index);
    }
}

TEST(anthropic_stream, gathers_what_the_whole_message_says_whatever_the_cuts) {
    for (unsigned seed = 0; seed < 200 && !::testing::Test::HasFailure(); ++seed) {
        generator make(seed);
        const json message = make.message();
        http::response whole;
        whole.status = 200;
        whole.body = message.dump();
        const auto wanted = anthropic_format::decode_chat(whole, {});
        ASSERT_TRUE(wanted) << whole.body;
        const std::string stream = make.stream(message);

        reading got;
        const std::size_t widest = 1 + make.below(200);
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = std::min(1 + make.below(widest), stream.size() - at);
            // Memory of its own, gone before the next piece comes.
            const std::vector<char> piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                                          stream.begin() + static_cast<std::ptrdiff_t>(at + size));
            const auto read = got.take({piece.data(), piece.size()});
            ASSERT_TRUE(read) << read.error().message() << '\n' << stream;
            at += size;
        }
        SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + whole.body + "\n" + stream);
        ASSERT_TRUE(got.decoder->is_complete());
        expect_same(got.accumulator.so_far(), wanted->completion());
        EXPECT_EQ(got.text_told, got.message().content);
        EXPECT_EQ(got.reasoning_told, got.message().reasoning);
        ASSERT_EQ(got.arguments_told.size(), got.message().tool_calls.size());
        for (std::size_t i = 0; i < got.arguments_told.size(); ++i) {
            EXPECT_EQ(got.arguments_told[i], got.message().tool_calls[i].arguments);
        }
    }
}

TEST(anthropic_stream, survives_any_bytes) {
    std::mt19937 random(7);
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    for (unsigned seed = 0; seed < 150; ++seed) {
        generator make(seed);
        std::string stream = make.stream(make.message());
        for (std::size_t count = 1 + below(8); count > 0; --count) {
            const std::size_t at = below(stream.size());
            if (below(3) == 0) {
                stream.erase(at, 1 + below(40));
            } else if (below(2) == 0) {
                stream.insert(at, stream.substr(below(stream.size()), below(60)));
            } else {
                stream[at] = static_cast<char>(below(256));
            }
            if (stream.empty()) stream = "x";
        }
        reading all;
        const bool was_read = all.take(stream).has_value();
        if (was_read && !all.decoder->is_complete()) {
            EXPECT_EQ(all.decoder->finish(all.accumulator).error(), errc::truncated);
        }
        if (all.accumulator.is_empty()) continue;
        const std::string& native = all.message().native.json;
        EXPECT_TRUE(native.empty() || json::accept(native)) << native;
    }
}

}  // namespace

}  // namespace anthropic_stream_tests
