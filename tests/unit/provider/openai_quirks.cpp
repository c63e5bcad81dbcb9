// Contracts of describing a dialect.
#include <chorus/provider/openai_quirks.hpp>

#include <gtest/gtest.h>

#include <string>

namespace openai_quirks_tests {

namespace {

using namespace chorus;

TEST(openai_quirks, are_those_of_openai_itself_unless_told) {
    const openai_quirks none;
    EXPECT_TRUE(none.fields().empty());
    EXPECT_EQ(none.find("seed"), nullptr);
    EXPECT_EQ(none.required_word(), "required");
    EXPECT_TRUE(none.asks_stream_usage());
    EXPECT_TRUE(none.is_fetching_images());
    EXPECT_FALSE(none.is_developer_system());
    EXPECT_FALSE(none.has_flat_schema());
    EXPECT_FALSE(none.is_done_required());
    EXPECT_FALSE(none.has_think_tags());
}

TEST(openai_quirks, let_the_last_word_on_a_field_hold) {
    const auto quirks = openai_quirks().drop("seed").refuse("n").rename("seed", "random_seed");
    ASSERT_NE(quirks.find("seed"), nullptr);
    EXPECT_EQ(quirks.find("seed")->treatment, openai_quirks::treatment::rename);
    EXPECT_EQ(quirks.find("seed")->to, "random_seed");
    EXPECT_EQ(quirks.find("n")->treatment, openai_quirks::treatment::refuse);
    EXPECT_EQ(quirks.fields().size(), 2u);
}

TEST(openai_quirks, chain_on_objects_and_on_temporaries) {
    openai_quirks named;
    named.drop("a").developer_as_system().echo_reasoning(reasoning_echo::always, "thinking").echo_native(false);
    named.fetches_images(false).flat_schema().required_word("any").stream_usage(false).requires_done();
    named.think_tags();
    const auto chained = openai_quirks()
                             .drop("a")
                             .developer_as_system()
                             .echo_reasoning(reasoning_echo::always, "thinking")
                             .echo_native(false)
                             .fetches_images(false)
                             .flat_schema()
                             .required_word("any")
                             .stream_usage(false)
                             .requires_done()
                             .think_tags();
    for (const openai_quirks& each : {named, chained}) {
        EXPECT_EQ(each.find("a")->treatment, openai_quirks::treatment::drop);
        EXPECT_TRUE(each.is_developer_system());
        EXPECT_EQ(each.when_to_echo_reasoning(), reasoning_echo::always);
        EXPECT_EQ(each.reasoning_field(), "thinking");
        EXPECT_FALSE(each.echoes_native());
        EXPECT_FALSE(each.is_fetching_images());
        EXPECT_TRUE(each.has_flat_schema());
        EXPECT_EQ(each.required_word(), "any");
        EXPECT_FALSE(each.asks_stream_usage());
        EXPECT_TRUE(each.is_done_required());
        EXPECT_TRUE(each.has_think_tags());
    }
}

}  // namespace

}  // namespace openai_quirks_tests
