// Every public operation, cancelled before it starts and at each of its steps, in each way that users have.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cancelled_operations.hpp"

namespace chorus::simulation::cancelled_everywhere_tests {
namespace {

struct parameter {
    const operation* what;
    http::protocol version;
};

std::vector<parameter> parameters() {
    std::vector<parameter> all;
    for (const auto table :
         {operations_of_clients(), operations_of_groups(), operations_under_control(), operations_of_surroundings()}) {
        for (const operation& each : table) {
            if (each.versions != over::http2) all.push_back({&each, http::protocol::http1});
#ifdef CHORUS_WITH_HTTP2
            if (each.versions == over::http2 || each.versions == over::both)
                all.push_back({&each, http::protocol::http2});
#endif
        }
    }
    return all;
}

std::string name_of(const ::testing::TestParamInfo<parameter>& info) {
    const auto [what, version] = info.param;
    std::string name = what->name;
    if (what->versions != over::none) name += version == http::protocol::http2 ? "_http2" : "_http1";
    return name;
}

void PrintTo(const parameter& shown, std::ostream* out) {
    *out << shown.what->name;
}

class cancelled_everywhere : public ::testing::TestWithParam<parameter> {};

TEST_P(cancelled_everywhere, ends_at_once_and_leaves_nothing) {
    const auto [what, version] = GetParam();
    const verdict found = prove(*what, version);
    for (const std::string& problem : found.problems) ADD_FAILURE() << problem;
    // A proof in which nothing is ever cancelled would pass as well.
    EXPECT_GT(found.cancelled, 0U);
}

INSTANTIATE_TEST_SUITE_P(operations, cancelled_everywhere, ::testing::ValuesIn(parameters()), &name_of);

}  // namespace
}  // namespace chorus::simulation::cancelled_everywhere_tests
