#include <chorus/error.hpp>

#include <boost/asio/error.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace chorus::error_tests {
namespace {

TEST(error, compares_with_codes_and_conditions) {
    const error limited(errc::rate_limited);
    EXPECT_EQ(limited, errc::rate_limited);
    EXPECT_NE(limited, errc::server_error);
    EXPECT_EQ(limited, condition::rate_limited);
    EXPECT_EQ(limited, condition::client_error);
    EXPECT_EQ(limited, condition::retryable);
    EXPECT_NE(limited, condition::quota_exhausted);
    EXPECT_EQ(limited.code(), condition::rate_limited);
}

TEST(error, sorts_every_code_into_its_conditions) {
    for (const errc code :
         {errc::timed_out, errc::pool_timed_out, errc::connect_timed_out, errc::tls_timed_out, errc::write_timed_out,
          errc::first_byte_timed_out, errc::deadline_exceeded, errc::request_timeout}) {
        EXPECT_EQ(error(code), condition::timeout) << error(code).message();
    }
    for (const errc code : {errc::unauthenticated, errc::permission_denied}) {
        EXPECT_EQ(error(code), condition::authentication);
        EXPECT_EQ(error(code), condition::client_error);
        EXPECT_NE(error(code), condition::retryable);
    }
    for (const errc code : {errc::server_error, errc::overloaded}) {
        EXPECT_EQ(error(code), condition::server_error);
        EXPECT_EQ(error(code), condition::retryable);
        EXPECT_NE(error(code), condition::client_error);
    }
    for (const errc code : {errc::quota_exhausted, errc::payment_required, errc::invalid_argument, errc::bad_request,
                            errc::certificate_rejected, errc::cancelled, errc::client_closed, errc::budget_exceeded}) {
        EXPECT_NE(error(code), condition::retryable) << error(code).message();
    }
    for (const errc code : {errc::circuit_open, errc::tls_timed_out, errc::idle_timed_out, errc::tls_failed,
                            errc::refused, errc::connection_lost, errc::rate_limited}) {
        EXPECT_EQ(error(code), condition::retryable) << error(code).message();
    }
    EXPECT_EQ(error(errc::quota_exhausted), condition::quota_exhausted);
    EXPECT_EQ(error(errc::payment_required), condition::quota_exhausted);
    EXPECT_EQ(error(errc::truncated), condition::truncated);
}

TEST(error, lets_codes_of_asio_compare_with_conditions) {
    EXPECT_EQ(error(boost::asio::error::operation_aborted), condition::cancelled);
    EXPECT_EQ(error(boost::asio::error::timed_out), condition::timeout);
    EXPECT_EQ(error(boost::asio::error::connection_refused), condition::retryable);
    EXPECT_NE(error(boost::asio::error::access_denied), condition::retryable);
}

TEST(error, says_everything_it_knows_in_one_line) {
    error whole(errc::rate_limited, "Slow down.");
    whole.phase(phase::status).http_status(429).type("requests").provider_code("rate_limit_exceeded");
    whole.param("messages").request_id("req_1").retry_after(std::chrono::milliseconds(1500)).attempts(3).cause("why");
    EXPECT_EQ(whole.message(),
              "status: rate limited: Slow down. (why) [status 429, type requests, code rate_limit_exceeded, "
              "param messages, request req_1, retry after 1500 ms, attempts 3]");
    EXPECT_EQ(error(errc::not_found).message(), "not found");
}

TEST(error, lists_the_attempts_behind_the_rest_where_there_were_several) {
    using std::chrono_literals::operator""ms;
    error last(errc::overloaded, "Busy.");
    last.phase(phase::status).http_status(503).attempts(3);
    const attempt told{errc::rate_limited, phase::status, 429, 500ms};
    last.history({told});
    EXPECT_EQ(last.message(), "status: the server is overloaded: Busy. [status 503, attempts 3]")
        << "one that was sent three times";
    last.history(
        {told, {errc::connect_timed_out, phase::connect, 0, 1000ms}, {errc::overloaded, phase::status, 503, 0ms}});
    EXPECT_EQ(last.message(),
              "status: the server is overloaded: Busy. [status 503]; 3 attempts: 429, timed out connecting, 503");
    EXPECT_EQ(last.history().size(), 3u);
    EXPECT_EQ(last.history()[0], told);

    error in_body(errc::cancelled);
    in_body.history({{errc::overloaded, phase::status, 200, 0ms}, {boost::asio::error::eof, phase::read, 0, 0ms}});
    EXPECT_EQ(in_body.message(), "cancelled; 2 attempts: the server is overloaded, End of file");
    const error copy = in_body;
    in_body.history({});
    EXPECT_EQ(copy.history().size(), 2u);
    EXPECT_EQ(in_body.message(), "cancelled");
    EXPECT_TRUE(error(errc::cancelled).history().empty());
}

TEST(error, keeps_what_the_server_says_about_another_attempt) {
    error failed(errc::server_error);
    EXPECT_EQ(failed.should_retry(), std::nullopt);
    EXPECT_EQ(failed.should_retry(false).should_retry(), false);
    EXPECT_EQ(failed.should_retry(true).should_retry(), true);
}

TEST(error, is_a_value_whose_copies_change_apart) {
    error original(errc::conflict, "first");
    error copy = original;
    copy.text("second").attempts(2);
    EXPECT_EQ(original.text(), "first");
    EXPECT_EQ(original.attempts(), 0);
    EXPECT_EQ(copy.text(), "second");
}

TEST(error, keeps_at_most_64_KiB_of_a_body) {
    error large(errc::server_error);
    large.body(std::string(100 * 1024, 'x'));
    EXPECT_EQ(large.body().size(), 64u * 1024u);
}

TEST(error, gives_the_rest_of_a_large_body_back) {
    std::string body(1024 * 1024, 'x');
    const char* const place = body.data();
    error large(errc::server_error);
    large.body(std::move(body));
    EXPECT_NE(large.body().data(), place);
}

TEST(error, says_all_in_one_line_whatever_the_server_wrote) {
    error failed(errc::server_error, "first\r\nsecond\tthird\x1b[2J\x7f");
    failed.provider_code("a\nb").cause(std::string("x\0y", 3));
    EXPECT_EQ(failed.message(), "server error: first  second third [2J  (x y) [code a b]");
    EXPECT_EQ(failed.text().substr(0, 7), "first\r\n") << "the parts stay as they came";
}

TEST(error, has_a_text_of_its_own_for_every_code) {
    std::vector<std::string> seen;
    for (int value = 1; value <= static_cast<int>(errc::unexpected_status); ++value) {
        const std::string text = error_category().message(value);
        EXPECT_NE(text, "unknown error") << value;
        EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
        seen.push_back(text);
    }
}

TEST(result, throws_the_whole_error_where_a_value_is_taken) {
    result<int> failed = error(errc::not_found, "no such model");
    try {
        failed.value();
        FAIL() << "did not throw";
    } catch (const api_error& thrown) {
        EXPECT_EQ(thrown.code(), errc::not_found);
        EXPECT_EQ(thrown.error().text(), "no such model");
        EXPECT_STREQ(thrown.what(), "not found: no such model");
    }
}

TEST(result, rethrows_a_captured_exception_as_itself) {
    result<void> failed = error::from_exception(std::make_exception_ptr(std::out_of_range("index 3")));
    EXPECT_EQ(failed.error(), errc::exception);
    EXPECT_NE(failed.error().message().find("index 3"), std::string::npos);
    EXPECT_THROW(failed.value(), std::out_of_range);
}

TEST(error, gives_back_the_error_inside_an_exception) {
    const error original(errc::overloaded, "busy");
    const error captured = error::from_exception(std::make_exception_ptr(api_error(original)));
    EXPECT_EQ(captured, errc::overloaded);
    EXPECT_EQ(captured.text(), "busy");
    const boost::system::system_error aborted(boost::asio::error::operation_aborted);
    EXPECT_EQ(error::from_exception(std::make_exception_ptr(aborted)), errc::cancelled);
    EXPECT_EQ(error::from_exception(std::make_exception_ptr(3)), errc::exception);
}

}  // namespace
}  // namespace chorus::error_tests
