// Contracts of reading streamed answers of OpenAI's Responses API: the same as those that come whole.
#include <chorus/json/text.hpp>
#include <chorus/provider/responses_decode.hpp>
#include <chorus/provider/responses_stream.hpp>
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
#include <vector>

#include <support/describe.hpp>

namespace responses_stream_tests {

namespace {

using namespace chorus;
using json = nlohmann::ordered_json;
using testing_support::describe;

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
            for (const std::string& each : testing_support::describe_events(accumulator)) told.push_back(each);
        }
    }
    result<void> take_data(const std::string& data) { return take("data: " + data + "\n\n"); }
    const answer& message() const { return accumulator.so_far().choices.at(0).message; }
    std::string story() const {
        std::string all;
        for (const std::string& each : told) all += (all.empty() ? "" : " | ") + each;
        return all;
    }

    sse::decoder events;
    std::unique_ptr<chat_stream_decoder> decoder = responses_format::make_stream_decoder();
    chat_accumulator accumulator;
    std::vector<std::string> told;
};

std::string event(const std::string& type, json members = json::object()) {
    json all{{"type", "response." + type}};
    all.update(members);
    return all.dump();
}
std::string added(int index, const std::string& item) {
    return event("output_item.added", {{"output_index", index}, {"item", json::parse(item)}});
}
std::string done(int index, const std::string& item) {
    return event("output_item.done", {{"output_index", index}, {"item", json::parse(item)}});
}
std::string delta(const std::string& type, int index, const std::string& piece, int part = 0) {
    const char* const place = type == "reasoning_summary_text" ? "summary_index" : "content_index";
    return event(type + ".delta", {{"item_id", "i"}, {"output_index", index}, {place, part}, {"delta", piece}});
}
std::string text(int index, const std::string& piece) {
    return delta("output_text", index, piece);
}
std::string completed(json members = json::object()) {
    json response{{"id", "resp_1"}, {"status", "completed"}};
    response.update(members);
    return event(response["status"] == "completed" ? "completed" : "incomplete", {{"response", response}});
}
const std::string message_item = R"({"type":"message","id":"m","content":[]})";
const std::string call_item = R"({"type":"function_call","id":"fc_1","call_id":"c1","name":"add","arguments":""})";

std::unique_ptr<reading> read_all(const std::vector<std::string>& events) {
    auto all = std::make_unique<reading>();
    for (const std::string& data : events) {
        const auto read = all->take_data(data);
        EXPECT_TRUE(read) << data << ": " << read.error().message();
    }
    return all;
}

TEST(responses_stream, reads_a_response) {
    reading all({.heartbeats = true});
    const std::string place = R"("item_id":"msg_1","output_index":0,"content_index":0)";
    const std::string whole = R"([{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":)"
                              R"([{"type":"output_text","text":"Hi é","annotations":[],"logprobs":[]}]}])";
    ASSERT_TRUE(all.take(
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":"
        "\"resp_1\",\"created_at\":1760000000,\"status\":\"in_progress\",\"model\":\"gpt-x\",\"output\":[]}}\n\n"
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1}\n\n"
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"output_index\":0,"
        "\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"in_progress\",\"content\":[]}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\"," +
        place +
        "}\n\n"
        "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":4}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":5," +
        place +
        ",\"delta\":\"Hi\",\"logprobs\":[],\"obfuscation\":\"abc\"}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":10," +
        place +
        ",\"delta\":\" \\u00e9\",\"logprobs\":[],\"obfuscation\":\"\"}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\"," +
        place +
        ",\"text\":\"Hi é\"}\n\n"
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\","
        "\"status\":\"completed\",\"service_tier\":\"default\",\"output\":" +
        whole + ",\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}}\n\n"));
    EXPECT_EQ(all.story(), "heartbeat | text 0 Hi | text 0  é | usage 5 | finish 0 stop");
    EXPECT_TRUE(all.decoder->is_complete());
    EXPECT_TRUE(all.decoder->finish(all.accumulator));
    const chat_completion& so_far = all.accumulator.so_far();
    EXPECT_EQ(so_far.id, "resp_1");
    EXPECT_EQ(so_far.model, "gpt-x");
    EXPECT_EQ(so_far.service_tier, "default");
    EXPECT_TRUE(so_far.created);
    EXPECT_EQ(so_far.usage.total_tokens, 5);
    EXPECT_TRUE(all.message().native.json.empty());
}

TEST(responses_stream, tells_calls_as_they_are_written) {
    const std::string sql = R"({"type":"custom_tool_call","call_id":"c2","name":"sql","input":""})";
    const auto all = read_all(
        {added(0, call_item), delta("function_call_arguments", 0, ""), delta("function_call_arguments", 0, "{\"a\":"),
         delta("function_call_arguments", 0, "1}"),
         done(0, R"({"type":"function_call","id":"fc_1","call_id":"c1","name":"add","arguments":"{\"a\":1}"})"),
         added(1, sql), delta("custom_tool_call_input", 1, "select"),
         done(1, R"({"type":"custom_tool_call","call_id":"c2","name":"sql","input":"select 1"})"), completed()});
    EXPECT_EQ(all->story(),
              "started 0/0 c1 add | arguments 0/0 {\"a\": | arguments 0/0 1} | finished 0/0 c1 add {\"a\":1} | "
              "started 0/1 c2 sql | arguments 0/1 select | arguments 0/1  1 | finished 0/1 c2 sql select 1 | "
              "usage -1 | finish 0 tool_calls");
    const auto& calls = all->message().tool_calls;
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0], (tool_call{"c1", "function", "add", R"({"a":1})", ""}));
    EXPECT_EQ(calls[1], (tool_call{"c2", "custom", "sql", "select 1", ""}));
    EXPECT_TRUE(all->message().native.json.empty());
}

TEST(responses_stream, keeps_calls_apart_that_interleave) {
    const std::string other = R"({"type":"function_call","call_id":"c2","name":"mul","arguments":""})";
    const auto all =
        read_all({added(3, call_item), added(4, other), delta("function_call_arguments", 3, "{\"x\""),
                  delta("function_call_arguments", 4, "{\"y\""), delta("function_call_arguments", 3, ":1}"),
                  delta("function_call_arguments", 4, ":2}"), completed()});
    const auto& calls = all->message().tool_calls;
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].arguments, R"({"x":1})");
    EXPECT_EQ(calls[1].arguments, R"({"y":2})");
    EXPECT_EQ(all->told.back(), "finish 0 tool_calls");
}

TEST(responses_stream, parts_of_thinking_stand_apart) {
    const auto all =
        read_all({added(0, R"({"type":"reasoning","summary":[]})"), delta("reasoning_summary_text", 0, "a"),
                  delta("reasoning_summary_text", 0, "b"), delta("reasoning_summary_text", 0, "c", 1),
                  done(0, R"({"type":"reasoning","summary":[{"text":"ab"},{"text":"c"}],"encrypted_content":"x"})"),
                  added(1, R"({"type":"reasoning","summary":[]})"), delta("reasoning_summary_text", 1, "d"),
                  delta("reasoning_text", 1, "of another name"),
                  done(1, R"({"type":"reasoning","summary":[{"text":"d"}]})"), added(2, message_item), text(2, "Hi"),
                  done(2, R"({"type":"message","content":[{"type":"output_text","text":"Hi"}]})"), completed()});
    EXPECT_EQ(all->message().reasoning, "ab\n\nc\n\nd");
    EXPECT_EQ(all->message().reasoning_field, "summary_text");
    EXPECT_EQ(all->message().native.format, "openai_responses");
    EXPECT_EQ(all->message().native.json,
              R"([{"type":"reasoning","summary":[{"text":"ab"},{"text":"c"}],"encrypted_content":"x"},)"
              R"({"type":"reasoning","summary":[{"text":"d"}]},)"
              R"({"type":"message","content":[{"type":"output_text","text":"Hi"}]}])");
}

TEST(responses_stream, adds_what_did_not_come_in_pieces) {
    const std::string message =
        R"({"type":"message","content":[{"type":"output_text","text":"whole"},{"type":"refusal","refusal":"no"}]})";
    const std::string thought = R"({"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]})";
    const std::string call = R"({"type":"function_call","call_id":"c","name":"f","arguments":"{}"})";
    const std::string story =
        "reasoning 0 hm | text 0 whole | refusal 0 no | started 0/0 c f | arguments 0/0 {} | finished 0/0 c f {} | "
        "usage -1 | finish 0 tool_calls";
    // By the end of each item, and by the end of the response.
    EXPECT_EQ(read_all({done(0, thought), done(1, message), done(2, call), completed()})->story(), story);
    const json items = {json::parse(thought), json::parse(message), json::parse(call)};
    EXPECT_EQ(read_all({completed({{"output", items}})})->story(), story);
    EXPECT_EQ(read_all({done(0, thought), completed({{"output", items}})})->story(), story);
    // The end of a text, but not a text that is another.
    EXPECT_EQ(read_all({text(0, "who"), completed({{"output", {items[1]}}})})->message().content, "whole");
    EXPECT_EQ(read_all({text(0, "x"), completed({{"output", {items[1]}}})})->message().content, "x");
    EXPECT_EQ(read_all({delta("reasoning_text", 0, "h"), done(0, thought), completed()})->message().reasoning, "hm");
}

TEST(responses_stream, takes_pieces_whose_item_never_began) {
    const auto all =
        read_all({delta("reasoning_summary_text", 0, "r"), text(1, "a"), text(1, "b"), delta("refusal", 1, "n"),
                  delta("function_call_arguments", 2, "{}"), delta("custom_tool_call_input", 3, "i"), completed()});
    EXPECT_EQ(all->message().reasoning, "r");
    EXPECT_EQ(all->message().content, "ab");
    EXPECT_EQ(all->message().refusal, "n");
    ASSERT_EQ(all->message().tool_calls.size(), 2u);
    EXPECT_EQ(all->message().tool_calls[0].arguments, "{}");
    EXPECT_EQ(all->message().tool_calls[1].type, "custom");
    EXPECT_FALSE(all->message().tool_calls[0].id.empty());
    EXPECT_TRUE(all->message().native.json.empty());
}

TEST(responses_stream, keeps_no_list_of_items_where_the_end_of_one_brought_none) {
    const std::string thought = R"({"type":"reasoning","id":"r","encrypted_content":"e","summary":[]})";
    const auto whole = read_all({done(0, thought), text(1, "Hi"), done(1, message_item), completed()});
    EXPECT_NE(whole->message().native.json.find("encrypted_content"), std::string::npos);
    for (const json& nothing : {json::object(), json{{"item", nullptr}}, json{{"item", "x"}}}) {
        json members{{"output_index", 1}};
        members.update(nothing);
        const auto all = read_all({done(0, thought), text(1, "Hi"), event("output_item.done", members), completed()});
        EXPECT_EQ(all->message().content, "Hi");
        EXPECT_EQ(all->message().native.json, "") << nothing;
    }
}

TEST(responses_stream, does_without_numbers_and_without_types_in_the_data) {
    reading all;
    ASSERT_TRUE(
        all.take("event: response.output_item.added\ndata: {\"item\":{\"type\":\"message\"}}\n\n"
                 "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n"
                 "event: response.output_text.delta\ndata: {\"delta\":\"b\"}\n\n"
                 "event: response.output_item.done\n"
                 "data: {\"item\":{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"ab\"}]}}\n\n"
                 "event: response.output_item.done\n"
                 "data: {\"item\":{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"\"}}\n\n"
                 "event: response.completed\ndata: {}\n\n"));
    EXPECT_EQ(all.story(),
              "text 0 a | text 0 b | started 0/0 c f | finished 0/0 c f  | usage -1 | finish 0 tool_calls");
}

TEST(responses_stream, says_why_it_is_incomplete) {
    const auto all =
        read_all({text(0, "a"),
                  completed({{"status", "incomplete"}, {"incomplete_details", {{"reason", "max_output_tokens"}}}})});
    EXPECT_TRUE(all->decoder->is_complete());
    EXPECT_EQ(all->told.back(), "finish 0 length");
}

TEST(responses_stream, passes_over_what_it_does_not_know) {
    reading all;
    ASSERT_TRUE(
        all.take("event: response.future\ndata: no JSON\n\nevent: keepalive\ndata: no JSON\n\ndata: null\n\n"
                 "data: {\"type\":\"response.future\",\"error\":{\"code\":\"x\"},\"delta\":\"y\"}\n\n"
                 "data: [DONE]\n\n"));
    EXPECT_FALSE(all.decoder->is_complete());
    const std::string search = R"({"type":"web_search_call","id":"ws_1","status":"completed"})";
    for (const std::string& data :
         {added(0, search), text(0, "x"), delta("function_call_arguments", 0, "x"), event("web_search_call.completed"),
          done(0, search), text(0, "late"), added(1, message_item), delta("reasoning_text", 1, "x"),
          event("output_text.annotation.added"), event("output_text.delta", {{"output_index", 1}, {"delta", nullptr}}),
          text(1, "a"), done(1, R"({"type":"message","content":[{"type":"output_text","text":"a"}]})"), completed()}) {
        ASSERT_TRUE(all.take_data(data)) << data;
    }
    EXPECT_EQ(all.message().content, "a");
    EXPECT_EQ(all.message().reasoning, "");
    EXPECT_EQ(all.message().native.json,
              "[" + search + R"(,{"type":"message","content":[{"type":"output_text","text":"a"}]}])");
}

TEST(responses_stream, is_not_misled_by_events_that_look_alike) {
    const auto piece = [](const std::string& before, const std::string& sequence, const std::string& rest) {
        return R"({"type":"response.output_text.delta","sequence_number":)" + sequence +
               R"(,"output_index":0,"content_index":0,)" + before + R"("delta":)" + rest;
    };
    auto all = read_all({piece("", "1", R"("a","logprobs":[],"obfuscation":"xy"})"),
                         piece("", "23", R"("b","logprobs":[],"obfuscation":""})"),
                         piece("", "4", R"("\"c","logprobs":[],"obfuscation":"\\"})")});
    EXPECT_EQ(all->message().content, "ab\"c");
    for (const std::string& data :
         {piece("", "5", R"("d","logprobs":[],"obfuscation":"","type":"response.future"})"),
          piece("", "null", R"("e","logprobs":[],"obfuscation":1})"), piece("", "6", R"(null,"logprobs":[]})"),
          piece("", "7", R"("f","logprobs":[{"token":"f"}],"obfuscation":""})"),
          piece(R"("future":1,)", "8", R"("g","logprobs":[],"obfuscation":""})")}) {
        ASSERT_TRUE(all->take_data(data)) << data;
    }
    EXPECT_EQ(all->message().content, "ab\"cefg");
    for (const std::string& data :
         {piece("", "9", R"("x","logprobs":[],"obfuscation":"")"), piece("", "9", R"("x","logprobs":[],"obf)"),
          piece("", "", R"("x","logprobs":[],"obfuscation":""})"),
          piece("", "9", R"("x","logprobs":[],"obfuscation":""}})"), piece("", "9", R"("x)")}) {
        auto fresh = read_all({piece("", "1", R"("a","logprobs":[],"obfuscation":"xy"})")});
        EXPECT_FALSE(fresh->take_data(data)) << data;
    }
    // The same bytes belong to the item that is open.
    ASSERT_TRUE(all->take_data(done(0, R"({"type":"message","content":[{"type":"output_text","text":"ab\"cefg"}]})")));
    ASSERT_TRUE(all->take_data(piece("", "1", R"("late","logprobs":[],"obfuscation":"xy"})")));
    EXPECT_EQ(all->message().content, "ab\"cefg");
}

TEST(responses_stream, classes_an_error_by_its_words) {
    const auto failed = [](const std::string& events) {
        reading all;
        EXPECT_TRUE(all.take_data(text(0, "part")));
        const auto read = all.take(events);
        EXPECT_FALSE(read) << events;
        EXPECT_EQ(all.message().content, "part");
        return read ? error() : read.error();
    };
    const auto response_failed = [&](const std::string& code) {
        return failed("data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"" +
                      code + "\",\"message\":\"m\"}}}\n\n");
    };
    EXPECT_EQ(response_failed("server_error"), errc::server_error);
    EXPECT_EQ(response_failed("server_error").text(), "m");
    EXPECT_EQ(response_failed("rate_limit_exceeded"), condition::retryable);
    EXPECT_EQ(response_failed("invalid_prompt"), errc::bad_request);
    EXPECT_EQ(failed("data: {\"type\":\"response.failed\"}\n\n"), errc::server_error);
    const error told = failed(
        "event: error\ndata: "
        "{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow\",\"param\":\"p\"}\n\n");
    EXPECT_EQ(told, errc::rate_limited);
    EXPECT_EQ(told.text(), "slow");
    EXPECT_EQ(told.param(), "p");
    EXPECT_EQ(failed("data: {\"type\":\"error\",\"code\":\"invalid_image\",\"message\":\"m\"}\n\n"), errc::bad_request);
    EXPECT_EQ(failed("data: {\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\"}}\n\n"), errc::overloaded);
    EXPECT_EQ(failed("event: error\ndata: upstream gone\n\n").text(), "upstream gone");
    EXPECT_EQ(failed("data: {\"type\":\"response.output_text.delta\",\n\n"), errc::decode_failed);
    EXPECT_EQ(failed("event: response.completed\ndata: {\n\n"), errc::decode_failed);
}

TEST(responses_stream, bounds_what_a_server_can_make_it_hold) {
    reading many;
    result<void> read;
    int items = 0;
    while (read && items < 100'000) read = many.take_data(added(items++, R"({"type":"future"})"));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), errc::decode_failed);

    reading calls;
    const int most = static_cast<int>(chat_accumulator::most_tool_calls);
    for (int i = 0; i < most; ++i) ASSERT_TRUE(calls.take_data(added(i, R"({"type":"function_call","name":"f"})")));
    EXPECT_FALSE(calls.take_data(added(most, R"({"type":"function_call","name":"f"})")));
}

// --- any response, cut anywhere ---

/// Makes responses and streams of them, the same for the same seed.
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

    json response() {
        thinks_ = rarely();
        json made{{"id", "resp_1"},        {"object", "response"},   {"created_at", 1760000000},
                  {"status", "completed"}, {"error", nullptr},       {"incomplete_details", nullptr},
                  {"model", "gpt-x"},      {"output", json::array()}};
        for (std::size_t count = below(6); count > 0; --count) made["output"].push_back(item(count));
        if (rarely()) {
            made["status"] = "incomplete";
            made["incomplete_details"] = {{"reason", rarely() ? "content_filter" : "max_output_tokens"}};
        }
        made["usage"] = {{"input_tokens", below(100)},
                         {"input_tokens_details", {{"cached_tokens", below(10)}}},
                         {"output_tokens", below(100)},
                         {"output_tokens_details", {{"reasoning_tokens", below(10)}}},
                         {"total_tokens", below(200)}};
        made["service_tier"] = "default";
        return made;
    }

    /// The response as a stream.
    std::string stream(const json& whole) {
        out_.clear();
        sequence_ = 0;
        is_padded_ = below(2) == 0;
        json begun = whole;
        begun["output"] = json::array();
        begun["status"] = "in_progress";
        begun["incomplete_details"] = nullptr;
        begun["usage"] = nullptr;
        begun["service_tier"] = "auto";
        event("response.created", {{"response", begun}});
        event("response.in_progress", {{"response", begun}});
        for (std::size_t index = 0; index < whole["output"].size(); ++index) item(index, whole["output"][index]);
        if (rarely()) event("keepalive", json::object());
        json ended = whole;
        if (rarely()) ended["output"] = json::array();  // some servers leave it out
        event("response." + std::string(whole["status"]), {{"response", ended}});
        return out_;
    }

 private:
    json part() {
        if (rarely()) return {{"type", "refusal"}, {"refusal", words()}};
        json made{
            {"type", "output_text"}, {"text", words()}, {"annotations", json::array()}, {"logprobs", json::array()}};
        if (rarely()) {
            made["annotations"].push_back({{"type", "url_citation"},
                                           {"url", "https://u"},
                                           {"title", words()},
                                           {"start_index", 0},
                                           {"end_index", 1}});
        }
        if (rarely()) {
            made["logprobs"].push_back(
                {{"token", words()}, {"logprob", -0.5}, {"bytes", {97}}, {"top_logprobs", json::array()}});
        }
        return made;
    }
    json item(std::size_t number) {
        switch (below(7)) {
            case 0:
            case 1: {
                json made{{"type", "reasoning"}, {"id", "rs_1"}, {"summary", json::array()}};
                if (thinks_) made["content"] = json::array();
                for (std::size_t count = below(4); count > 0; --count) {
                    made[thinks_ ? "content" : "summary"].push_back(
                        {{"type", thinks_ ? "reasoning_text" : "summary_text"}, {"text", words()}});
                }
                if (rarely()) made["encrypted_content"] = words();
                return made;
            }
            case 2:
                return {{"type", "function_call"},
                        {"id", "fc_1"},
                        {"call_id", "c" + std::to_string(number)},
                        {"name", "f"},
                        {"arguments", rarely() ? words() : json{{"k", words()}}.dump()},
                        {"status", "completed"}};
            case 3:
                return {{"type", "custom_tool_call"},
                        {"call_id", "c" + std::to_string(number)},
                        {"name", "g"},
                        {"input", words()}};
            case 4:
                return {{"type", "web_search_call"}, {"id", "ws_1"}, {"status", "completed"}};
            default: {
                json made{{"type", "message"}, {"id", "msg_1"}, {"role", "assistant"}, {"content", json::array()}};
                for (std::size_t count = below(3); count > 0; --count) made["content"].push_back(part());
                if (rarely()) made["phase"] = "commentary";
                return made;
            }
        }
    }

    void item(std::size_t index, const json& whole) {
        json begun = whole;
        begun["status"] = "in_progress";
        for (const char* name : {"arguments", "input"}) {
            if (begun.contains(name)) begun[name] = "";
        }
        for (const char* name : {"content", "summary"}) {
            if (begun.contains(name)) begun[name] = json::array();
        }
        if (!rarely()) event("response.output_item.added", {{"output_index", index}, {"item", begun}});
        // What is left out must be the end of all that the item says.
        leaves_out_ = whole.value("content", json::array()).size() + whole.value("summary", json::array()).size() < 2;
        const auto parts = [&](const char* list, const char* member, const char* place) {
            const json all = whole.value(list, json::array());
            for (std::size_t at = 0; at < all.size(); ++at) {
                const std::string type = all[at]["type"];
                const std::string name = type == "summary_text" ? "reasoning_summary_text" : type;
                if (!all[at].contains(member) || (leaves_out_ && rarely())) continue;
                spread("response." + name + ".delta", {{"item_id", "i"}, {"output_index", index}, {place, at}},
                       all[at][member]);
                event("response." + name + ".done", {{"output_index", index}, {member, all[at][member]}});
            }
        };
        parts("content", "text", "content_index");
        parts("content", "refusal", "content_index");
        parts("summary", "text", "summary_index");
        spread("response.function_call_arguments.delta", {{"output_index", index}}, whole.value("arguments", ""));
        spread("response.custom_tool_call_input.delta", {{"output_index", index}}, whole.value("input", ""));
        event("response.output_item.done", {{"output_index", index}, {"item", whole}});
    }

    /// Sends a text in pieces, cut between characters; now and then not to its end.
    void spread(const std::string& type, const json& place, const std::string& whole) {
        for (std::size_t at = 0; at < whole.size();) {
            std::size_t size = 1 + below(6);
            while (at + size < whole.size() && (static_cast<unsigned char>(whole[at + size]) & 0xc0) == 0x80) ++size;
            json next = place;
            next["delta"] = whole.substr(at, size);
            if (type == "response.output_text.delta") next["logprobs"] = json::array();
            if (is_padded_) next["obfuscation"] = std::string(below(5), 'x');
            event(type, next);
            at += size;
            if (leaves_out_ && below(16) == 0) return;
        }
    }

    void event(const std::string& type, const json& members) {
        json all{{"type", type}, {"sequence_number", sequence_++}};
        all.update(members);
        // Items are kept as they come: those of the whole response are not escaped.
        const bool is_ascii = members.contains("delta") && rarely();
        out_ += "event: " + type + "\ndata: " + all.dump(-1, ' ', is_ascii) + "\n\n";
    }

    std::mt19937 random_;
    std::string out_;
    int sequence_ = 0;
    bool thinks_ = false;
    bool is_padded_ = false;
    bool leaves_out_ = false;
};

std::string described_whole(const json& response) {
    const auto decoded = responses_format::decode_chat(http::response{200, {}, response.dump(), {}}, {});
    EXPECT_TRUE(decoded);
    return decoded ? describe(*decoded) : "";
}

TEST(responses_stream, any_response_accumulates_to_itself_however_it_is_cut) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        generator make(seed);
        const json response = make.response();
        const std::string stream = make.stream(response);
        const std::string expected = described_whole(response);
        for (const std::size_t size : {stream.size(), std::size_t{1}, 1 + make.below(200)}) {
            reading all;
            for (std::size_t at = 0; at < stream.size(); at += size) {
                ASSERT_TRUE(all.take(std::string_view(stream).substr(at, size))) << seed;
            }
            ASSERT_TRUE(all.decoder->is_complete());
            all.accumulator.end();
            ASSERT_EQ(describe(all.accumulator.so_far()), expected) << "seed " << seed << "\n" << stream;
        }
    }
}

TEST(responses_stream, a_stream_that_is_cut_off_never_passes_for_a_whole_one) {
    generator make(5);
    const std::string stream = make.stream(make.response());
    for (std::size_t size = 0; size < stream.size(); ++size) {
        reading cut;
        ASSERT_TRUE(cut.take(std::string_view(stream).substr(0, size))) << size;
        // The line that ends the last event may come late.
        if (size + 1 == stream.size() && cut.decoder->is_complete()) continue;
        EXPECT_FALSE(cut.decoder->is_complete()) << size;
        const auto ended = cut.decoder->finish(cut.accumulator);
        ASSERT_FALSE(ended) << size;
        EXPECT_EQ(ended.error(), errc::truncated);
    }
}

}  // namespace

}  // namespace responses_stream_tests
