// Contracts of joining the pieces of a streamed answer, above all of tool calls.
#include <chorus/chat/chat_accumulator.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <support/describe.hpp>

namespace chat_accumulator_tests {

namespace {

using namespace chorus;
using testing_support::describe_events;
using events = std::vector<std::string>;

tool_call_delta at(std::optional<std::int64_t> index, std::string_view id = {}, std::string_view name = {},
                   std::string_view arguments = {}) {
    tool_call_delta piece;
    piece.index = index;
    piece.id = id;
    piece.name = name;
    piece.arguments = arguments;
    return piece;
}

/// The calls that pieces of one choice come to, each as `id name(arguments)`.
events joined(const std::vector<tool_call_delta>& pieces) {
    chat_accumulator into;
    for (const tool_call_delta& each : pieces) EXPECT_TRUE(into.add_tool_call(0, each));
    into.finish(0, finish_reason::tool_calls);
    events calls;
    if (into.is_empty()) return calls;
    for (const tool_call& each : into.message_of(0).tool_calls) {
        calls.push_back(each.id + " " + each.name + "(" + each.arguments + ")");
    }
    return calls;
}

// --- the seven rules of tool calls ---

TEST(tool_call_rules, one_a_an_unknown_index_opens_a_call_and_a_known_one_continues_it) {
    EXPECT_EQ(joined({at(0, "a", "add"), at(0, {}, {}, "{\"x\":"), at(1, "b", "mul"), at(0, {}, {}, "1}"),
                      at(1, {}, {}, "{}")}),
              (events{"a add({\"x\":1})", "b mul({})"}));
    EXPECT_EQ(joined({at(7, "a", "add", "{}"), at(2, "b", "mul", "{}")}), (events{"a add({})", "b mul({})"}));
}

TEST(tool_call_rules, one_b_another_id_at_a_known_index_opens_a_call_that_later_pieces_go_to) {
    EXPECT_EQ(joined({at(0, "a", "add"), at(0, {}, {}, "{\"x\":1}"), at(0, "b", "mul"), at(0, {}, {}, "{\"y\":2}")}),
              (events{"a add({\"x\":1})", "b mul({\"y\":2})"}));
    EXPECT_EQ(joined({at(0, "a", "add", "{}"), at(0, "b", "add", "{}"), at(0, "c", "add", "{}")}),
              (events{"a add({})", "b add({})", "c add({})"}));
}

TEST(tool_call_rules, one_c_an_id_that_comes_back_at_a_known_index_continues_its_own_call) {
    EXPECT_EQ(joined({at(0, "a", "add", "{"), at(0, "b", "mul", "["), at(0, "a", {}, "}"), at(0, "b", {}, "]")}),
              (events{"a add({})", "b mul([])"}));
}

TEST(tool_call_rules, two_a_without_an_index_the_id_decides) {
    EXPECT_EQ(joined({at({}, "a", "add", "{"), at({}, "b", "mul", "["), at({}, "a", {}, "}"), at({}, "b", {}, "]")}),
              (events{"a add({})", "b mul([])"}));
}

TEST(tool_call_rules, two_b_without_index_and_id_the_last_call_goes_on) {
    EXPECT_EQ(joined({at({}, "a", "add", "{\"x\":"), at({}, {}, {}, "1}")}), (events{"a add({\"x\":1})"}));
}

TEST(tool_call_rules, two_c_without_index_and_id_the_first_piece_opens_a_call) {
    const events calls = joined({at({}, {}, "add", "{}")});
    ASSERT_EQ(calls.size(), 1u);
    EXPECT_TRUE(calls[0].ends_with(" add({})")) << calls[0];
}

TEST(tool_call_rules, two_d_without_index_and_id_a_name_behind_whole_arguments_opens_the_next_call) {
    const events calls = joined({at({}, {}, "add", "{}"), at({}, {}, "mul", "{}"), at({}, {}, "mul", "{\"x\":1}")});
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_TRUE(calls[1].ends_with(" mul({})")) << calls[1];
    EXPECT_TRUE(calls[2].ends_with(" mul({\"x\":1})")) << calls[2];
}

TEST(tool_call_rules, three_a_the_same_id_on_every_piece_continues_its_call) {
    EXPECT_EQ(joined({at(0, "a", "add", "{\"x\":"), at(0, "a", "add", "1"), at(0, "a", {}, "}")}),
              (events{"a add({\"x\":1})"}));
}

TEST(tool_call_rules, three_b_another_name_behind_whole_arguments_opens_a_call_even_under_the_same_id) {
    EXPECT_EQ(joined({at(0, "a", "add", "{}"), at(0, "a", "mul", "[]")}), (events{"a add({})", "a mul([])"}));
    EXPECT_EQ(joined({at(0, "a", "add", "{\"x\":"), at(0, "a", "mul", "1}")}), (events{"a add({\"x\":1})"}))
        << "the arguments are not whole";
}

TEST(tool_call_rules, three_c_without_ids_a_name_with_arguments_behind_whole_ones_opens_a_call) {
    const events calls = joined({at(0, {}, "add", "{\"x\":1}"), at(0, {}, "add", "{\"x\":2}")});
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_TRUE(calls[0].ends_with(" add({\"x\":1})")) << calls[0];
    EXPECT_TRUE(calls[1].ends_with(" add({\"x\":2})")) << calls[1];
}

TEST(tool_call_rules, four_a_a_name_that_is_repeated_is_not_appended) {
    EXPECT_EQ(joined({at(0, "a", "add"), at(0, {}, "add"), at(0, {}, "add", "{}")}), (events{"a add({})"}));
}

TEST(tool_call_rules, four_b_a_name_may_come_in_parts) {
    EXPECT_EQ(joined({at(0, "a", "get_"), at(0, {}, "weather"), at(0, {}, {}, "{}")}), (events{"a get_weather({})"}));
}

TEST(tool_call_rules, four_c_an_empty_type_is_a_function) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, "a", "add"));
    tool_call_delta custom = at(1, "b", "sql");
    custom.type = tool_type::custom;
    into.add_tool_call(0, custom);
    into.add_tool_call(0, at(1, {}, {}, "select"));
    EXPECT_EQ(into.message_of(0).tool_calls[0].type, tool_type::function);
    EXPECT_EQ(into.message_of(0).tool_calls[1].type, tool_type::custom);
}

TEST(tool_call_rules, five_a_call_without_an_id_gets_one_of_its_own_at_the_end) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, {}, "add", "{}"));
    into.add_tool_call(0, at(1, {}, "mul", "{}"));
    EXPECT_EQ(into.message_of(0).tool_calls[0].id, "");
    into.end();
    const auto& calls = into.message_of(0).tool_calls;
    EXPECT_NE(calls[0].id, "");
    EXPECT_NE(calls[1].id, "");
    EXPECT_NE(calls[0].id, calls[1].id);
}

TEST(tool_call_rules, five_b_an_id_that_comes_late_is_taken) {
    EXPECT_EQ(joined({at(0, {}, "add", "{"), at(0, "a", {}, "}")}), (events{"a add({})"}));
}

TEST(tool_call_rules, six_the_reason_stays_as_it_was_given_though_there_are_calls) {
    chat_accumulator into;
    into.add_tool_call(0, at({}, "a", "add", "{}"));
    into.finish(0, "stop");
    EXPECT_EQ(into.choice_of(0).finish_reason, "stop");
    EXPECT_EQ(describe_events(into),
              (events{"started 0/0 a add", "arguments 0/0 {}", "finished 0/0 a add {}", "finish 0 stop"}));
}

TEST(tool_call_rules, seven_a_second_end_brings_no_event_and_changes_no_call) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, "a", "add", "{}"));
    into.finish(0, "tool_calls");
    describe_events(into);
    EXPECT_TRUE(into.add_tool_call(0, at(0, "a", "add", "{}")));
    into.finish(0, "stop");
    into.end();
    EXPECT_EQ(describe_events(into), events());
    EXPECT_EQ(into.message_of(0).tool_calls[0].arguments, "{}");
    EXPECT_EQ(into.message_of(0).tool_calls.size(), 1u);
    EXPECT_EQ(into.choice_of(0).finish_reason, "tool_calls");
}

// --- calls as events ---

TEST(chat_accumulator, announces_a_call_when_its_id_and_name_are_there) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, {}, "add"));
    EXPECT_EQ(describe_events(into), events());
    into.add_tool_call(0, at(0, "a"));
    EXPECT_EQ(describe_events(into), (events{"started 0/0 a add"}));
    into.add_tool_call(0, at(0, {}, {}, "{"));
    into.add_tool_call(0, at(0, {}, {}, "}"));
    EXPECT_EQ(describe_events(into), (events{"arguments 0/0 {", "arguments 0/0 }"}));
}

TEST(chat_accumulator, announces_a_call_before_its_arguments_in_any_case) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, {}, {}, "{}"));
    into.finish(0, "tool_calls");
    const events all = describe_events(into);
    ASSERT_EQ(all.size(), 4u);
    EXPECT_TRUE(all[0].starts_with("started 0/0"));
    EXPECT_EQ(all[1], "arguments 0/0 {}");
    EXPECT_TRUE(all[2].starts_with("finished 0/0"));
    EXPECT_EQ(all[3], "finish 0 tool_calls");
}

TEST(chat_accumulator, finishes_one_call_before_the_others_if_told) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, "a", "add", "{}"));
    into.finish_tool_call(0, 0);
    into.finish_tool_call(0, 0);
    into.finish_tool_call(0, 5);
    into.finish_tool_call(3, 0);
    into.add_tool_call(0, at(1, "b", "mul", "{}"));
    into.finish(0, "tool_calls");
    EXPECT_EQ(describe_events(into),
              (events{"started 0/0 a add", "arguments 0/0 {}", "finished 0/0 a add {}", "started 0/1 b mul",
                      "arguments 0/1 {}", "finished 0/1 b mul {}", "finish 0 tool_calls"}));
}

TEST(chat_accumulator, finishes_calls_that_no_end_of_a_choice_came_for) {
    chat_accumulator into;
    into.add_tool_call(0, at(0, "a", "add", "{}"));
    describe_events(into);
    into.end();
    EXPECT_EQ(describe_events(into), (events{"finished 0/0 a add {}"}));
    into.end();
    EXPECT_EQ(describe_events(into), events());
}

// --- choices ---

TEST(chat_accumulator, keeps_choices_that_come_interleaved_apart) {
    chat_accumulator into;
    into.add_text(0, "a");
    into.add_text(2, "x");
    into.add_text(1, "p");
    into.add_reasoning(2, "reasoning", "r");
    into.add_tool_call(1, at(0, "c1", "add", "{}"));
    into.add_tool_call(0, at(0, "c0", "add", "[]"));
    into.add_text(0, "b");
    into.finish(2, "stop");
    EXPECT_EQ(describe_events(into),
              (events{"text 0 a", "text 2 x", "text 1 p", "reasoning 2 r", "started 1/0 c1 add", "arguments 1/0 {}",
                      "started 0/0 c0 add", "arguments 0/0 []", "text 0 b", "finish 2 stop"}));
    ASSERT_EQ(into.so_far().choices.size(), 3u);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(into.so_far().choices[static_cast<std::size_t>(i)].index, i);
    EXPECT_EQ(into.message_of(0).content, "ab");
    EXPECT_EQ(into.message_of(1).content, "p");
    EXPECT_EQ(into.message_of(2).reasoning, "r");
    EXPECT_FALSE(into.all_finished());
    into.finish(0, "stop");
    into.finish(1, "stop");
    EXPECT_TRUE(into.all_finished());
}

TEST(chat_accumulator, refuses_choices_beyond_its_limits) {
    chat_accumulator into;
    EXPECT_FALSE(into.add_text(-1, "x"));
    EXPECT_FALSE(into.begin(-1));
    EXPECT_FALSE(into.finish(-1, "stop"));
    EXPECT_TRUE(into.is_empty());
    EXPECT_TRUE(into.add_text(2'000'000'000, "far"));
    for (int i = 1; i < static_cast<int>(chat_accumulator::most_choices); ++i) ASSERT_TRUE(into.begin(i));
    EXPECT_FALSE(into.begin(0));
    EXPECT_FALSE(into.add_text(0, "x"));
    EXPECT_FALSE(into.add_refusal(0, "x"));
    EXPECT_FALSE(into.add_reasoning(0, "reasoning", "x"));
    EXPECT_FALSE(into.add_tool_call(0, at(0, "a", "add")));
    EXPECT_EQ(into.message_of(2'000'000'000).content, "far");
    EXPECT_EQ(into.so_far().choices.size(), chat_accumulator::most_choices);
}

TEST(chat_accumulator, refuses_calls_beyond_its_limit) {
    chat_accumulator into;
    for (std::size_t i = 0; i < chat_accumulator::most_tool_calls; ++i) {
        ASSERT_TRUE(into.add_tool_call(0, at(static_cast<std::int64_t>(i), {}, "add")));
    }
    EXPECT_FALSE(into.add_tool_call(0, at(-1, {}, "add")));
    EXPECT_TRUE(into.add_tool_call(0, at(5, {}, {}, "{}"))) << "of a call that is there";
    EXPECT_TRUE(into.add_tool_call(1, at(0, {}, "add"))) << "of another choice";
}

// --- texts ---

TEST(chat_accumulator, brings_no_event_for_an_empty_piece) {
    chat_accumulator into;
    EXPECT_TRUE(into.add_text(0, ""));
    EXPECT_TRUE(into.add_refusal(0, ""));
    EXPECT_TRUE(into.add_reasoning(0, "reasoning", ""));
    EXPECT_EQ(describe_events(into), events());
    EXPECT_FALSE(into.is_empty());
    EXPECT_EQ(into.message_of(0).role, role::assistant);
    EXPECT_EQ(into.message_of(0).reasoning_field, "");
}

TEST(chat_accumulator, shows_pieces_wherever_later_ones_move_their_text) {
    chat_accumulator into;
    into.add_text(0, "first");
    for (int i = 0; i < 1000; ++i) into.add_text(0, "0123456789");
    chat_event next;
    ASSERT_TRUE(into.next(next));
    EXPECT_EQ(std::get<text_event>(next).text, "first");
    std::size_t count = 0;
    while (into.next(next)) count += std::get<text_event>(next).text == "0123456789";
    EXPECT_EQ(count, 1000u);
    EXPECT_FALSE(into.has_events());
}

TEST(chat_accumulator, counts_thoughts_once_though_they_come_under_two_names) {
    chat_accumulator into;
    into.add_reasoning(0, "reasoning_content", "a");
    into.add_reasoning(0, "reasoning", "a");
    into.add_reasoning(0, "reasoning_content", "b");
    EXPECT_EQ(into.message_of(0).reasoning, "ab");
    EXPECT_EQ(into.message_of(0).reasoning_field, "reasoning_content");
    EXPECT_EQ(describe_events(into), (events{"reasoning 0 a", "reasoning 0 b"}));
}

// --- ends, counts and signs ---

TEST(chat_accumulator, takes_a_reason_that_comes_late) {
    chat_accumulator into;
    into.finish(0, "");
    into.finish(0, "length");
    EXPECT_EQ(describe_events(into), (events{"finish 0 length"})) << "an event shows the answer as it is by then";
    EXPECT_EQ(into.choice_of(0).finish_reason, "length");
}

TEST(chat_accumulator, has_ended_when_every_choice_that_began_has) {
    chat_accumulator into;
    EXPECT_FALSE(into.all_finished());
    into.begin(0);
    EXPECT_FALSE(into.all_finished());
    into.finish(0, "stop");
    EXPECT_TRUE(into.all_finished());
    into.begin(1);
    EXPECT_FALSE(into.all_finished());
}

TEST(chat_accumulator, lets_later_counts_replace_earlier_ones_and_keeps_the_rest) {
    chat_accumulator into;
    usage first;
    first.prompt_tokens = 9;
    first.completion_tokens = 1;
    first.prompt.cached_tokens = 4;
    usage last;
    last.completion_tokens = 7;
    last.total_tokens = 16;
    into.set_usage(first);
    into.set_usage(last);
    EXPECT_EQ(describe_events(into), (events{"usage 16", "usage 16"}));
    EXPECT_EQ(into.so_far().usage.prompt_tokens, 9);
    EXPECT_EQ(into.so_far().usage.completion_tokens, 7);
    EXPECT_EQ(into.so_far().usage.prompt.cached_tokens, 4);
}

TEST(chat_accumulator, shows_signs_only_to_who_asked_for_them) {
    chat_accumulator deaf;
    deaf.add_heartbeat();
    deaf.add_raw("t", "d");
    EXPECT_FALSE(deaf.add_content_filter(0, "{}"));
    EXPECT_FALSE(deaf.has_events());
    chat_accumulator into({.heartbeats = true, .raw_events = true, .content_filters = true});
    into.add_raw("ping", "1");
    into.add_heartbeat();
    into.add_raw("", "{}");
    EXPECT_TRUE(into.add_content_filter({}, "[1]"));
    EXPECT_TRUE(into.add_content_filter(3, "{}"));
    EXPECT_EQ(into.contents(), 0u);
    into.add_text(0, "x");
    EXPECT_EQ(describe_events(into),
              (events{"raw ping 1", "heartbeat", "raw  {}", "filter -1 [1]", "filter 3 {}", "text 0 x"}));
    into.add_raw("", "again");
    EXPECT_EQ(describe_events(into), (events{"raw  again"}));
}

// --- arguments ---

TEST(tool_call, tells_arguments_from_what_is_none) {
    const auto is_valid = [](std::string_view type, std::string arguments) {
        return tool_call{"a", std::string(type), "f", std::move(arguments), ""}.has_valid_arguments();
    };
    for (const char* good : {"", "{}", " {\"a\":[1,{}]} \n"}) EXPECT_TRUE(is_valid(tool_type::function, good)) << good;
    for (const char* bad : {" ", "{", R"({"a":"cut)", R"({"a":1}})", "[]", "5", "null", "Rome", R"("{}")"}) {
        EXPECT_FALSE(is_valid(tool_type::function, bad)) << bad;
        EXPECT_TRUE(is_valid(tool_type::custom, bad)) << bad;
    }
}

// --- a whole answer in place of a stream ---

chat_completion whole() {
    chat_completion made;
    made.choices.resize(2);
    for (std::size_t i = 0; i < 2; ++i) {
        choice& each = made.choices[i];
        each.index = static_cast<int>(i);
        each.finish_reason = "stop";
        each.message.reasoning = "r";
        each.message.content = "text " + std::to_string(i);
    }
    made.choices[1].message.tool_calls.push_back({"a", "function", "add", "{}", ""});
    made.usage.total_tokens = 3;
    return made;
}

TEST(chat_accumulator, shows_a_whole_answer_as_events) {
    chat_accumulator into;
    into.add_whole(whole());
    EXPECT_EQ(describe_events(into),
              (events{"reasoning 0 r", "text 0 text 0", "finish 0 stop", "reasoning 1 r", "text 1 text 1",
                      "started 1/0 a add", "arguments 1/0 {}", "finished 1/0 a add {}", "finish 1 stop", "usage 3"}));
    EXPECT_TRUE(into.all_finished());
}

TEST(chat_accumulator, numbers_choices_anew_that_share_an_index_or_have_none) {
    for (const auto& [first, second] : {std::pair(0, 0), std::pair(5, 5), std::pair(-1, 0)}) {
        chat_completion doubled = whole();
        doubled.choices[0].index = first;
        doubled.choices[1].index = second;
        chat_accumulator into;
        into.add_whole(doubled);
        EXPECT_EQ(describe_events(into).size(), 10u);
        EXPECT_EQ(into.message_of(1).tool_calls.size(), 1u);
        EXPECT_TRUE(into.all_finished());
    }
}

}  // namespace

}  // namespace chat_accumulator_tests
