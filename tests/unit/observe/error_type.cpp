#include <chorus/observe/error_type.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <string>

namespace chorus::error_type_tests {
namespace {

TEST(error_type, names_every_code_and_finds_it_by_its_name) {
    int named = 0;
    for (int value = 1; value < 256; ++value) {
        const auto code = static_cast<errc>(value);
        const bool is_a_code = make_error_code(code).message() != make_error_code(static_cast<errc>(9999)).message();
        const auto name = name_of(code);
        ASSERT_EQ(is_a_code, !name.empty()) << "the table misses number " << value;
        if (!is_a_code) continue;
        ++named;
        EXPECT_EQ(errc_named(name), code) << name;
        EXPECT_EQ(error_type(make_error_code(code)), name);
    }
    EXPECT_GT(named, 40);
    EXPECT_EQ(name_of(errc::rate_limited), "rate_limited");
    EXPECT_EQ(name_of(errc::unexpected_status), "unexpected_status");
    EXPECT_EQ(errc_named("nonsense"), std::nullopt);
}

TEST(error_type, has_few_names_for_what_other_libraries_say) {
    EXPECT_EQ(error_type({}), "ok");
    EXPECT_EQ(error_type(boost::asio::error::operation_aborted), "cancelled");
    EXPECT_EQ(error_type(boost::asio::error::connection_reset), "other");
    EXPECT_EQ(error_type(boost::system::error_code(9999, error_category())), "other");
}

}  // namespace
}  // namespace chorus::error_type_tests
