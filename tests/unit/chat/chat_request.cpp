// Contracts of building a request.
#include <chorus/chat/chat_request.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <string>
#include <type_traits>

namespace chat_request_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

TEST(chat_request, chains_on_temporaries_by_moving) {
    auto request = chat_request("m").system("s").user("u").temperature(0.5).timeout(30s);
    EXPECT_TRUE((std::is_same_v<decltype(chat_request("m").user("u")), chat_request&&>));
    EXPECT_TRUE((std::is_same_v<decltype(request.user("u")), chat_request&>));
    ASSERT_EQ(request.messages().size(), 2u);
    EXPECT_EQ(request.messages()[0].role(), role::system);
    EXPECT_EQ(*request.messages()[1].content().as_text(), "u");
    EXPECT_EQ(request.options().temperature, 0.5);
    EXPECT_EQ(request.options().timeout, 30s);
}

TEST(chat_request, is_a_template_when_copied) {
    chat_request base("m");
    base.temperature(0.1).metadata("job", "1").system("s");
    chat_request next = base;
    next.temperature(0.9).metadata("item", "2").user("u");
    EXPECT_EQ(base.options().temperature, 0.1);
    EXPECT_EQ(base.options().metadata.size(), 1u);
    EXPECT_EQ(base.messages().size(), 1u);
    EXPECT_EQ(next.options().temperature, 0.9);
    EXPECT_EQ(next.options().metadata.size(), 2u);
    EXPECT_EQ(next.messages().size(), 2u);
}

TEST(chat_request, costs_one_pointer_for_the_options_it_does_not_use) {
    EXPECT_LE(sizeof(chat_request), sizeof(std::string) + sizeof(std::vector<message>) + sizeof(void*));
    EXPECT_TRUE(std::is_nothrow_move_constructible_v<chat_request>);
}

TEST(chat_request, keeps_the_last_value_of_an_extra_field) {
    const nlohmann::json more = {{"top_k", 40}, {"min_p", 0.1}};
    const auto request = chat_request("m").extra("top_k", 20).extra(more);
    const string_pairs expected = {{"top_k", "40"}, {"min_p", "0.1"}};
    EXPECT_EQ(request.options().extra, expected);
}

TEST(chat_request, serves_as_its_own_source_when_assigned) {
    auto request = chat_request("m").temperature(0.1);
    const auto& same = request;
    request = same;
    EXPECT_EQ(request.options().temperature, 0.1);
}

TEST(content, is_a_text_until_a_part_is_added) {
    content plain = "hello";
    ASSERT_NE(plain.as_text(), nullptr);
    EXPECT_EQ(plain.as_parts(), nullptr);
    plain.image("https://x/y.png");
    EXPECT_EQ(plain.as_text(), nullptr);
    ASSERT_NE(plain.as_parts(), nullptr);
    ASSERT_EQ(plain.as_parts()->size(), 2u);
    EXPECT_EQ(std::get<text_part>(plain.as_parts()->front().value).text, "hello");
}

TEST(content, takes_bytes_and_ids_where_it_takes_texts) {
    const std::string raw = "foob";
    const auto bytes = std::as_bytes(std::span(raw));
    const auto made = content()
                          .image(bytes, "image/png", "low")
                          .audio(bytes, "wav")
                          .file("a.pdf", bytes, "application/pdf")
                          .image_id("file-1", "high")
                          .add({text_part{"t"}});
    const auto& parts = *made.as_parts();
    ASSERT_EQ(parts.size(), 5u);
    EXPECT_EQ(std::get<image_part>(parts[0].value).url, "data:image/png;base64,Zm9vYg==");
    EXPECT_EQ(std::get<image_part>(parts[0].value).detail, "low");
    EXPECT_EQ(std::get<audio_part>(parts[1].value).data, "Zm9vYg==");
    EXPECT_EQ(std::get<file_part>(parts[2].value).data, "data:application/pdf;base64,Zm9vYg==");
    EXPECT_EQ(std::get<file_part>(parts[2].value).filename, "a.pdf");
    EXPECT_EQ(std::get<image_part>(parts[3].value).id, "file-1");
    EXPECT_EQ(std::get<image_part>(parts[3].value).detail, "high");
    EXPECT_EQ(std::get<text_part>(parts[4].value).text, "t");
}

TEST(content, starts_parts_without_an_empty_text) {
    const auto parts = content().text("a").text("b").cache_breakpoint();
    ASSERT_NE(parts.as_parts(), nullptr);
    ASSERT_EQ(parts.as_parts()->size(), 2u);
    EXPECT_FALSE(parts.as_parts()->front().cache_breakpoint);
    EXPECT_TRUE(parts.as_parts()->back().cache_breakpoint);
    EXPECT_TRUE(content().empty());
    EXPECT_FALSE(content().text("").empty());
}

TEST(message, keeps_roles_that_nobody_knows) {
    EXPECT_EQ(message("critic", "no").role(), "critic");
    const auto named = message::user("hi").name("bob");
    EXPECT_EQ(named.name(), "bob");
    EXPECT_EQ(named.refusal(), "");
    EXPECT_EQ(message::assistant("").refusal("no").refusal(), "no");
    EXPECT_EQ(message::assistant("").audio("a1").audio_id(), "a1");
    EXPECT_EQ(message::developer("").role(), "developer");
}

}  // namespace

}  // namespace chat_request_tests
