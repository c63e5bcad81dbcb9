// Contracts of understanding what a server says when it refuses.
#include <chorus/provider/error_response.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace error_response_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;

constexpr std::chrono::system_clock::time_point now{1'800'000'000s};

error error_of(int status, std::string body) {
    return decode_error(http::response{status, {}, std::move(body), {}}, now);
}

TEST(decode_error, reads_the_body_of_openai) {
    http::response received{400,
                            {},
                            R"({"error":{"message":"too long","type":"invalid_request_error",
        "param":"messages","code":"context_length_exceeded"}})",
                            {}};
    received.headers.add("x-request-id", "req_1");
    const error failure = decode_error(received, now);
    EXPECT_EQ(failure, errc::bad_request);
    EXPECT_EQ(failure.phase(), phase::status);
    EXPECT_EQ(failure.http_status(), 400);
    EXPECT_EQ(failure.text(), "too long");
    EXPECT_EQ(failure.type(), "invalid_request_error");
    EXPECT_EQ(failure.param(), "messages");
    EXPECT_EQ(failure.provider_code(), "context_length_exceeded");
    EXPECT_EQ(failure.request_id(), "req_1");
    EXPECT_EQ(failure.body(), received.body);
    EXPECT_EQ(failure.retry_after(), std::nullopt);
}

TEST(decode_error, takes_null_for_none) {
    const error failure = error_of(500, R"({"error":{"message":"m","type":"server_error","param":null,"code":null}})");
    EXPECT_EQ(failure, errc::server_error);
    EXPECT_EQ(failure.param(), "");
    EXPECT_EQ(failure.provider_code(), "");
}

// The code of OpenAI's errors says what it is; their type is `invalid_request_error` for a wrong key and a wrong model.
TEST(decode_error, goes_by_the_code_before_the_type_where_the_status_says_nothing) {
    const auto code_of = [](const std::string& code) {
        const error failure =
            error_of(200, R"({"error":{"message":"m","type":"invalid_request_error","code":")" + code + "\"}}");
        return failure.code();
    };
    EXPECT_EQ(code_of("invalid_api_key"), errc::unauthenticated);
    EXPECT_EQ(code_of("model_not_found"), errc::not_found);
    EXPECT_EQ(code_of("rate_limit_exceeded"), errc::rate_limited);
    EXPECT_EQ(code_of("server_is_overloaded"), errc::overloaded);
    EXPECT_EQ(code_of("context_length_exceeded"), errc::bad_request);
    EXPECT_EQ(code_of("something_new"), errc::bad_request);
}

struct shape {
    const char* body;
    const char* message;
    const char* type;
    const char* code;
};

TEST(decode_error, reads_every_shape_seen_in_the_wild) {
    const shape shapes[] = {
        {R"({"error":{"message":"no model","type":"NotFoundError","code":404}})", "no model", "NotFoundError", "404"},
        {R"({"error":"model 'x' not found"})", "model 'x' not found", "", ""},
        {R"([{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"a":1}]}}])", "quota",
         "RESOURCE_EXHAUSTED", "429"},
        {R"({"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400})", "bad",
         "BadRequestError", "400"},
        {R"({"message":"Unauthorized"})", "Unauthorized", "", ""},
        {R"({"detail":"Not Found"})", "Not Found", "", ""},
        {R"({"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"},{"msg":"other"}]})",
         "body.messages.0: field required; other", "", ""},
        {R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_a"})",
         "Overloaded", "overloaded_error", ""},
        {R"({"success":false,"error":{"message":"no","code":7003}})", "no", "", "7003"},
        {R"("just text")", "just text", "", ""},
        {"<html>\r\n<head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway", "", ""},
        {"<html><body>x</body></html>", "", "", ""},
        {"upstream connect error\nor disconnect", "upstream connect error or disconnect", "", ""},
        {R"({"error":{"message":"cut o)", R"({"error":{"message":"cut o)", "", ""},
        {"", "", "", ""},
        {"null", "", "", ""},
        {"[]", "", "", ""},
        {"{}", "", "", ""},
        {R"({"error":null,"message":"m"})", "m", "", ""},
    };
    for (const shape& expected : shapes) {
        const error failure = error_of(502, expected.body);
        EXPECT_EQ(failure.text(), expected.message) << expected.body;
        EXPECT_EQ(failure.type(), expected.type) << expected.body;
        EXPECT_EQ(failure.provider_code(), expected.code) << expected.body;
        EXPECT_EQ(failure.body(), expected.body);
        EXPECT_EQ(failure, errc::server_error);
    }
}

TEST(decode_error, takes_the_request_id_of_the_body_where_no_header_has_one) {
    EXPECT_EQ(error_of(529, R"({"type":"error","error":{"message":"m"},"request_id":"req_a"})").request_id(), "req_a");
}

TEST(decode_error, maps_every_status) {
    const std::pair<int, errc> statuses[] = {
        {400, errc::bad_request},       {401, errc::unauthenticated},   {402, errc::payment_required},
        {403, errc::permission_denied}, {404, errc::not_found},         {408, errc::request_timeout},
        {409, errc::conflict},          {413, errc::request_too_large}, {418, errc::bad_request},
        {422, errc::unprocessable},     {429, errc::rate_limited},      {499, errc::bad_request},
        {500, errc::server_error},      {502, errc::server_error},      {503, errc::overloaded},
        {504, errc::server_error},      {529, errc::overloaded},        {599, errc::server_error},
        {302, errc::unexpected_status}, {101, errc::unexpected_status}, {600, errc::unexpected_status},
    };
    for (const auto& [status, code] : statuses) EXPECT_EQ(error_of(status, ""), code) << status;
}

TEST(decode_error, splits_429_by_code_and_then_by_type) {
    const auto with = [](const char* type, const char* code) { return errc_of_status(429, type, code); };
    for (const char* word : {"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
                             "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
                             "billing_hard_limit_reached", "enforced_spend_limit_reached"}) {
        EXPECT_EQ(with("", word), errc::quota_exhausted) << word;
        EXPECT_EQ(with(word, ""), errc::quota_exhausted) << word;
        EXPECT_EQ(errc_of_status(402, "", word), errc::quota_exhausted) << word;
    }
    EXPECT_EQ(with("tokens", "rate_limit_exceeded"), errc::rate_limited);
    EXPECT_EQ(with("rate_limit_error", "slow_down"), errc::rate_limited);
    EXPECT_EQ(with("insufficient_quota", "rate_limit_exceeded"), errc::rate_limited);
    EXPECT_EQ(with("", ""), errc::rate_limited);
}

TEST(decode_error, tells_how_long_to_wait) {
    http::response received{429, {}, "", {}};
    received.headers.add("Retry-After", "20");
    EXPECT_EQ(decode_error(received, now).retry_after(), 20s);
}

TEST(decode_error, tells_what_the_server_says_about_another_attempt) {
    const std::pair<const char*, std::optional<bool>> table[] = {
        {"true", true}, {"false", false}, {" true ", true}, {"", std::nullopt}, {"maybe", std::nullopt},
    };
    for (const auto& [value, again] : table) {
        http::response received{500, {}, "", {}};
        received.headers.add("X-Should-Retry", value);
        EXPECT_EQ(decode_error(received, now).should_retry(), again) << value;
    }
    EXPECT_EQ(error_of(500, "").should_retry(), std::nullopt);
}

TEST(decode_error, keeps_no_more_than_64_kib_of_the_body) {
    EXPECT_EQ(error_of(500, std::string(100'000, 'x')).body().size(), 64u * 1024);
    EXPECT_EQ(error_of(500, std::string(100'000, 'x')).text().size(), 200u);
}

TEST(decode_error, classes_an_error_under_a_success_status_by_its_words) {
    const std::pair<const char*, errc> bodies[] = {
        {R"({"error":{"code":502,"message":"m"}})", errc::server_error},
        {R"({"error":{"code":429,"message":"m"}})", errc::rate_limited},
        {R"({"error":{"code":"rate_limit_exceeded"}})", errc::rate_limited},
        {R"({"error":{"type":"insufficient_quota"}})", errc::quota_exhausted},
        {R"({"error":{"type":"authentication_error"}})", errc::unauthenticated},
        {R"({"error":{"type":"overloaded_error"}})", errc::overloaded},
        {R"({"error":{"type":"invalid_request_error"}})", errc::bad_request},
        {R"({"error":"boom"})", errc::server_error},
    };
    for (const auto& [body, code] : bodies) {
        const error failure = error_of(200, body);
        EXPECT_EQ(failure, code) << body;
        EXPECT_EQ(failure.http_status(), 200);
    }
}

TEST(decode_error, survives_every_prefix_of_a_body) {
    const std::string body =
        R"([{"error":{"code":429,"message":"quota","status":"X","detail":[{"loc":["a"],"msg":"b"}]}}])";
    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_EQ(error_of(429, body.substr(0, size)), errc::rate_limited) << size;
    }
}

}  // namespace

}  // namespace error_response_tests
