// Contracts of a text that must not be seen.
#include <chorus/secret.hpp>

#include <gtest/gtest.h>

#include <sstream>
#include <type_traits>

namespace secret_tests {

namespace {

TEST(secret, prints_stars_instead_of_its_text) {
    std::ostringstream out;
    out << chorus::secret("sk-12345");
    EXPECT_EQ(out.str(), "***");
    EXPECT_EQ(testing::PrintToString(chorus::secret("sk-12345")), "***");
}

TEST(secret, gives_its_text_only_when_exposed) {
    EXPECT_EQ(chorus::secret("sk-12345").expose(), "sk-12345");
    EXPECT_FALSE((std::is_convertible_v<chorus::secret, std::string>));
    EXPECT_FALSE((std::is_convertible_v<std::string, chorus::secret>));
    EXPECT_TRUE(chorus::secret().empty());
}

}  // namespace

}  // namespace secret_tests
