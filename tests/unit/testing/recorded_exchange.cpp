#include <chorus/testing/recorded_exchange.hpp>

#include <boost/asio/error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace chorus::testing::recorded_exchange_tests {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string key = "sk-proj-abcdefghij0123456789";

std::string all_bytes() {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    return bytes;
}

recorded_exchange exchange(std::string body = "{}", std::string answer = "{\"ok\":true}") {
    recorded_exchange made;
    made.number = 3;
    made.request.origin.host = "api.example";
    made.request.target = "/v1/chat?stream=1";
    made.request.headers.add("content-type", "application/json").add("x-two", "1").add("x-two", "2");
    made.request.body = std::move(body);
    made.has_response = true;
    made.response.status = 201;
    made.response.headers.add("x-request-id", "req_1");
    made.response.body = std::move(answer);
    made.taken = 1234us;
    return made;
}

recorded_exchange stream(std::vector<std::string> bytes) {
    recorded_exchange made = exchange("{}", "");
    made.is_streamed = true;
    for (auto& one : bytes) made.pieces.push_back({std::move(one), 5us});
    return made;
}

std::string joined(const recorded_exchange& of) {
    std::string all;
    for (const auto& one : of.pieces) all += one.bytes;
    return all;
}

recorded_exchange written_and_read(const recorded_exchange& original) {
    const std::string line = to_line(original);
    EXPECT_EQ(line.find_first_of("\r\n"), line.npos);
    auto read = exchange_from_line(line);
    EXPECT_TRUE(read) << read.error().message() << line;
    return read ? *read : recorded_exchange();
}

TEST(recorded_exchange, survives_a_line) {
    for (const std::string& body : {std::string(), std::string("{\"a\":\"b\\n\u00e9\"}\n"), all_bytes()}) {
        const auto read = written_and_read(exchange(body, body));
        EXPECT_EQ(read.number, 3u);
        EXPECT_EQ(read.request.method, "POST");
        EXPECT_EQ(read.request.origin.to_string(), "https://api.example");
        EXPECT_EQ(read.request.target, "/v1/chat?stream=1");
        EXPECT_EQ(read.request.headers.block(), "content-type: application/json\r\nx-two: 1\r\nx-two: 2\r\n");
        EXPECT_EQ(read.request.body, body);
        EXPECT_EQ(read.response.status, 201);
        EXPECT_EQ(read.response.headers.block(), "x-request-id: req_1\r\n");
        EXPECT_EQ(read.response.body, body);
        EXPECT_EQ(read.taken, 1234us);
        EXPECT_TRUE(read.has_response);
        EXPECT_FALSE(read.is_streamed);
        EXPECT_FALSE(read.failure.code());
    }
}

TEST(recorded_exchange, keeps_the_pieces_of_a_stream_wherever_they_are_cut) {
    const auto read = written_and_read(stream({"data: \xc3", "\xa9\n\n", "", all_bytes()}));
    ASSERT_EQ(read.pieces.size(), 4u);
    EXPECT_EQ(read.pieces[0].bytes, "data: \xc3");
    EXPECT_EQ(read.pieces[1].bytes, "\xa9\n\n");
    EXPECT_EQ(read.pieces[2].bytes, "");
    EXPECT_EQ(read.pieces[3].bytes, all_bytes());
    EXPECT_EQ(read.pieces[3].after, 5us);
    EXPECT_TRUE(read.is_streamed);
    EXPECT_FALSE(read.is_abandoned);
    auto left = stream({"a"});
    left.is_abandoned = true;
    EXPECT_TRUE(written_and_read(left).is_abandoned);
    EXPECT_TRUE(written_and_read(stream({})).is_streamed) << "a stream without a piece is one too";
}

TEST(recorded_exchange, keeps_failures) {
    recorded_exchange failed = exchange();
    failed.has_response = false;
    for (int where = 0; where <= static_cast<int>(phase::status); ++where) {
        failed.failure = error(errc::certificate_rejected, "the text");
        failed.failure.phase(static_cast<phase>(where)).cause("the cause");
        const auto read = written_and_read(failed);
        EXPECT_FALSE(read.has_response);
        EXPECT_EQ(read.failure, errc::certificate_rejected);
        EXPECT_EQ(read.failure.phase(), static_cast<phase>(where));
        EXPECT_EQ(read.failure.text(), "the text");
        EXPECT_EQ(read.failure.cause(), "the cause");
    }
    failed.failure = error(boost::system::error_code(boost::asio::error::connection_reset));
    EXPECT_EQ(written_and_read(failed).failure.code(), boost::asio::error::connection_reset);
    failed.failure = error(boost::system::error_code(boost::asio::error::eof));
    EXPECT_EQ(written_and_read(failed).failure, errc::connection_lost) << "Asio's own category is not kept";
}

TEST(recorded_exchange, refuses_lines_that_are_none) {
    const char* const lines[] = {
        "",
        "nonsense",
        "{}",
        R"({"request":{"url":"https://a/"}})",
        R"({"request":{"url":"nonsense"},"response":{"status":200}})",
        R"({"request":{"url":"https://a/","body_base64":"%"},"response":{"status":200}})",
        R"({"request":{"url":"https://a/","headers":[["a b","c"]]},"response":{"status":200}})",
        R"({"request":{"url":"https://a/","headers":[["a"]]},"response":{"status":200}})",
        R"({"request":{"url":"https://a/"},"error":{"code":"nonsense","phase":"read"}})",
        R"({"request":{"url":"https://a/"},"error":{"code":"truncated","phase":"nonsense"}})",
        R"({"request":{"url":"https://a/"},"response":{"status":200}} x)",
        R"({"request":{"url":"https://a/"},"response":{"status":200})",
    };
    for (const char* const line : lines) {
        const auto read = exchange_from_line(line);
        ASSERT_FALSE(read) << line;
        EXPECT_EQ(read.error(), errc::decode_failed);
    }
    EXPECT_TRUE(exchange_from_line(R"({"new":1,"request":{"url":"https://a/"},"response":{"status":200}})"));
}

TEST(secret_striker, finds_the_key_wherever_it_stands) {
    for (const char* const field : {"Authorization", "api-key", "x-api-key", "X-Goog-Api-Key", "x-amz-security-token",
                                    "proxy-authorization", "Token", "AccessToken", "X-AuthToken"}) {
        auto leaky = exchange("{\"user\":\"my key is " + key + "\"}", "Incorrect API key provided: " + key + key);
        leaky.request.headers.add(field, std::string_view(field) == "Authorization" ? "Bearer " + key : key);
        leaky.request.headers.add("x-debug", "k=" + key);
        leaky.request.target += "&note=" + key;
        leaky.response.headers.add("www-echo", key);
        leaky.pieces.push_back({"data: " + key, 0us});
        leaky.failure = error(errc::unauthenticated, "bad " + key);
        leaky.failure.cause(key);
        secret_striker().strike(leaky);
        EXPECT_THAT(to_line(leaky), Not(HasSubstr("abcdefghij"))) << field;
        EXPECT_EQ(leaky.request.headers.get(field), "***");
        EXPECT_EQ(leaky.request.headers.get("x-debug"), "k=***");
        EXPECT_EQ(leaky.request.headers.get("content-type"), "application/json");
        EXPECT_EQ(leaky.request.body, "{\"user\":\"my key is ***\"}");
        EXPECT_EQ(leaky.response.body, "Incorrect API key provided: ******");
        EXPECT_EQ(leaky.failure.text(), "bad ***");
    }
}

// Azure API Management, "Subscriptions": the key of a subscription is the header Ocp-Apim-Subscription-Key, or this
// parameter. The others are those of OAuth 2 (RFC 6749, 2.3.1), of Google and of signed URLs.
TEST(secret_striker, takes_keys_out_of_the_query_under_every_name_that_says_so) {
    for (const std::string name : {"subscription-key", "x-api-key", "X-Goog-Api-Key", "client_secret", "auth_token",
                                   "X-Amz-Security-Token", "X-Goog-Signature", "password"}) {
        auto leaky = exchange("echo " + key);
        leaky.request.target = "/v1/models?api-version=2024-10-21&max_tokens=12345&" + name + "=" + key;
        secret_striker().strike(leaky);
        EXPECT_EQ(leaky.request.target, "/v1/models?api-version=2024-10-21&max_tokens=12345&" + name + "=***");
        EXPECT_EQ(leaky.request.body, "echo ***") << name;
    }
}

TEST(secret_striker, takes_keys_out_of_the_query_and_cookies_out_of_both_ways) {
    auto leaky = exchange("echo " + key, "session is s3cretsession");
    leaky.request.target = "/v1/models?alt=sse&key=" + key + "&api_key=qwertyuiop&empty=";
    leaky.request.headers.add("cookie", "theme=dark; sid=s3cretsession");
    leaky.response.headers.add("set-cookie", "sid=newsecret123; Path=/somewhere; HttpOnly");
    leaky.response.headers.add("x-copy", "newsecret123 /somewhere");
    leaky.response.headers.add("x-ratelimit-remaining-tokens", "149984");
    secret_striker().strike(leaky);
    EXPECT_EQ(leaky.request.target, "/v1/models?alt=sse&key=***&api_key=***&empty=");
    EXPECT_EQ(leaky.request.body, "echo ***");
    EXPECT_EQ(leaky.request.headers.get("cookie"), "***");
    EXPECT_EQ(leaky.response.headers.get("set-cookie"), "***");
    EXPECT_EQ(leaky.response.headers.get("x-copy"), "*** /somewhere");
    EXPECT_EQ(leaky.response.headers.get("x-ratelimit-remaining-tokens"), "149984");
    EXPECT_EQ(leaky.response.body, "session is ***");
}

TEST(secret_striker, strikes_the_words_it_is_given_in_every_spelling) {
    const std::string word = "pass\"word/ \u00e9";
    auto leaky = exchange("{\"a\":\"pass\\\"word/ \u00e9\"} " + word, "?p=pass%22word%2F%20%C3%A9");
    secret_striker({word, "", "pass\"word/ \u00e9 and more"}).strike(leaky);
    EXPECT_EQ(leaky.request.body, "{\"a\":\"***\"} ***");
    EXPECT_EQ(leaky.response.body, "?p=***");
    auto longer = exchange("abcdef abc");
    secret_striker({"abc", "abcdef"}).strike(longer);
    EXPECT_EQ(longer.request.body, "*** ***") << "the longest word is struck first";
}

TEST(secret_striker, finds_a_key_that_is_cut_between_the_pieces_of_a_stream) {
    const std::string text = "x" + key + "y" + key;
    for (std::size_t size = 1; size <= text.size(); ++size) {
        std::vector<std::string> cut;
        for (std::size_t at = 0; at < text.size(); at += size) cut.push_back(text.substr(at, size));
        cut.insert(cut.begin() + 1, "");
        const std::size_t pieces = cut.size();
        auto leaky = stream(std::move(cut));
        secret_striker({key}).strike(leaky);
        EXPECT_EQ(joined(leaky), "x***y***") << size;
        EXPECT_EQ(leaky.pieces.size(), pieces) << "each piece stays, with its time";
    }
}

TEST(secret_striker, leaves_alone_what_is_too_short_to_be_a_secret) {
    auto harmless = exchange("a b c");
    harmless.request.headers.add("authorization", "Bearer b");
    harmless.request.headers.add("api-key", "");
    secret_striker().strike(harmless);
    EXPECT_EQ(harmless.request.body, "a b c");
    EXPECT_EQ(harmless.request.headers.get("authorization"), "***");
}

TEST(secret_striker, striking_twice_is_striking_once) {
    auto leaky = exchange("{\"k\":\"" + key + "\"}");
    leaky.request.headers.add("authorization", "Bearer " + key);
    secret_striker().strike(leaky);
    const std::string once = to_line(leaky);
    secret_striker().strike(leaky);
    EXPECT_EQ(to_line(leaky), once);
}

}  // namespace
}  // namespace chorus::testing::recorded_exchange_tests
