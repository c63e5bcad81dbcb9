// Contracts of reading times and durations from headers.
#include <chorus/policy/header_values.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace header_values_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;
using policy::wall_time;

constexpr wall_time at(std::chrono::seconds since_epoch) {
    return wall_time(since_epoch);
}
constexpr wall_time now = at(1'800'000'000s);  // 2027-01-15T08:00:00Z

TEST(parse_duration, reads_numbers_with_units) {
    EXPECT_EQ(policy::parse_duration("1s"), 1s);
    EXPECT_EQ(policy::parse_duration("6m0s"), 6min);
    EXPECT_EQ(policy::parse_duration("17ms"), 17ms);
    EXPECT_EQ(policy::parse_duration("2m59.56s"), 2min + 59s + 560ms);
    EXPECT_EQ(policy::parse_duration("1h2m3s4ms5us6ns"), 1h + 2min + 3s + 4ms + 5us + 6ns);
    EXPECT_EQ(policy::parse_duration("3\u00b5s"), 3us);
    EXPECT_EQ(policy::parse_duration("3\u03bcs"), 3us);
    EXPECT_EQ(policy::parse_duration(".5s"), 500ms);
    EXPECT_EQ(policy::parse_duration(" 0s "), 0s);
}

TEST(parse_duration, takes_a_bare_number_as_seconds) {
    EXPECT_EQ(policy::parse_duration("20"), 20s);
    EXPECT_EQ(policy::parse_duration("0.25"), 250ms);
}

TEST(parse_duration, refuses_everything_else) {
    for (const char* text : {"", " ", "s", "-1s", "+1s", "1d", "1s2", "1 s", "1.2.3s", ".", "nan", "inf", "1e3s",
                             "1s ago", "99999999999999h", "1s,2s"}) {
        EXPECT_EQ(policy::parse_duration(text), std::nullopt) << text;
    }
    EXPECT_EQ(policy::parse_duration(std::string(400, '9')), std::nullopt);
}

TEST(parse_http_date, reads_the_three_forms_of_rfc_9110) {
    const auto expected = at(784'111'777s);
    EXPECT_EQ(policy::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
    EXPECT_EQ(policy::parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), expected);
    EXPECT_EQ(policy::parse_http_date("Sun Nov  6 08:49:37 1994"), expected);
    EXPECT_EQ(policy::parse_http_date("Fri, 15 Jan 2027 08:00:00 GMT"), now);
    EXPECT_EQ(policy::parse_http_date("Friday, 15-Jan-27 08:00:00 GMT"), now);
    EXPECT_EQ(policy::parse_http_date("Fri Jan 15 08:00:00 2027"), now);
}

TEST(parse_http_date, refuses_what_is_no_date) {
    for (const char* text :
         {"", "x", "Sun,", "Sun, 31 Feb 2026 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
          "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT x", "Sun, 06 nov 1994 08:49:37 GMT",
          "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1900 08:49:37 GMT", "Sun Nov  6 08:49:37 1994 x",
          "Sun, 06 ovD 1994 08:49:37 GMT"}) {
        EXPECT_EQ(policy::parse_http_date(text), std::nullopt) << text;
    }
}

TEST(parse_rfc3339, reads_zones_and_fractions) {
    EXPECT_EQ(policy::parse_rfc3339("2027-01-15T08:00:00Z"), now);
    EXPECT_EQ(policy::parse_rfc3339("2027-01-15t08:00:00z"), now);
    EXPECT_EQ(policy::parse_rfc3339("2027-01-15 09:30:00+01:30"), now);
    EXPECT_EQ(policy::parse_rfc3339("2027-01-14T23:00:00-09:00"), now);
    EXPECT_EQ(policy::parse_rfc3339("2027-01-15T08:00:00.250Z"), now + 250ms);
}

TEST(parse_rfc3339, refuses_what_is_no_time) {
    for (const char* text :
         {"", "2027-01-15", "2027-01-15T08:00:00", "2027-13-15T08:00:00Z", "2027-02-29T08:00:00Z",
          "2027-01-15T08:00:00Zx", "2027-01-15T08:00:00+1:00", "2027-01-15T08:00:00.Z", "2027-01-15T08:00Z"}) {
        EXPECT_EQ(policy::parse_rfc3339(text), std::nullopt) << text;
    }
}

TEST(parse_reset, counts_from_the_response) {
    EXPECT_EQ(policy::parse_reset("6m0s", now), 6min);
    EXPECT_EQ(policy::parse_reset("20", now), 20s);
    EXPECT_EQ(policy::parse_reset("1800000060", now), 60s);
    EXPECT_EQ(policy::parse_reset("1800000060.5", now), 60500ms);
    EXPECT_EQ(policy::parse_reset("2027-01-15T08:01:00Z", now), 60s);
    EXPECT_EQ(policy::parse_reset("1799999999", now), 0s);
    EXPECT_EQ(policy::parse_reset("2027-01-15T07:00:00Z", now), 0s);
    EXPECT_EQ(policy::parse_reset("100us", now), 1ms) << "rounded up";
    EXPECT_EQ(policy::parse_reset("soon", now), std::nullopt);
    EXPECT_EQ(policy::parse_reset("", now), std::nullopt);
}

std::optional<std::chrono::milliseconds> wait_of(std::initializer_list<http::header> fields) {
    http::headers headers;
    for (const http::header field : fields) headers.add(field.name, field.value);
    return policy::retry_after(headers, now);
}

TEST(retry_after, prefers_milliseconds) {
    EXPECT_EQ(wait_of({{"retry-after", "9"}, {"Retry-After-Ms", "1500.2"}}), 1501ms);
    EXPECT_EQ(wait_of({{"retry-after", "9"}, {"retry-after-ms", "soon"}}), 9s);
    EXPECT_EQ(wait_of({{"retry-after", "9"}, {"retry-after-ms", "-5"}}), 9s);
}

TEST(retry_after, reads_seconds_and_dates) {
    EXPECT_EQ(wait_of({{"Retry-After", "20"}}), 20s);
    EXPECT_EQ(wait_of({{"Retry-After", "0.5"}}), 500ms);
    EXPECT_EQ(wait_of({{"Retry-After", "0"}}), 0s);
    EXPECT_EQ(wait_of({{"Retry-After", "259200"}}), 72h) << "days are told as they are";
    EXPECT_EQ(wait_of({{"Retry-After", "Fri, 15 Jan 2027 08:00:30 GMT"}}), 30s);
    EXPECT_EQ(wait_of({{"Retry-After", "Fri, 15 Jan 2027 07:00:00 GMT"}}), 0s);
}

TEST(retry_after, ignores_what_it_cannot_read) {
    EXPECT_EQ(wait_of({}), std::nullopt);
    for (const char* text : {"", "-1", "inf", "tomorrow"}) {
        EXPECT_EQ(wait_of({{"Retry-After", text}}), std::nullopt) << text;
    }
}

}  // namespace

}  // namespace header_values_tests
