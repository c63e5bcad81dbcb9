// Contracts of the options of an Anthropic endpoint and of its provider.
#include <chorus/provider/anthropic.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace anthropic_tests {

namespace {

using namespace chorus;

const char* empty_environment(const char*) {
    return nullptr;
}

const char* full_environment(const char* name) {
    if (std::strcmp(name, "ANTHROPIC_API_KEY") == 0) return " sk-ant-environment\n";
    if (std::strcmp(name, "ANTHROPIC_AUTH_TOKEN") == 0) return "token-environment\r\n";
    if (std::strcmp(name, "ANTHROPIC_BASE_URL") == 0) return "https://gateway.example/anthropic/\n";
    return nullptr;
}

const char* blank_environment(const char*) {
    return " \n";
}

const chat_request hello = chat_request("m").user("hi");

http::request encoded(const anthropic& options, const chat_request& request = hello) {
    const auto made = options.make()->encode(request);
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : http::request();
}

/// The option that is refused, by `check` and by each call alike; empty if none is.
std::string refused(const anthropic& options) {
    const auto checked = options.check();
    const auto api = options.make();
    EXPECT_EQ(checked.has_value(), api->encode(hello).has_value());
    EXPECT_EQ(checked.has_value(), api->encode_stream(hello).has_value());
    EXPECT_EQ(checked.has_value(), api->encode_count_tokens(hello).has_value());
    EXPECT_EQ(checked.has_value(), api->encode_models("").has_value());
    EXPECT_EQ(checked.has_value(), api->encode_model("m").has_value());
    if (checked) return "";
    EXPECT_EQ(checked.error(), errc::invalid_argument);
    EXPECT_EQ(checked.error().phase(), phase::input);
    EXPECT_EQ(checked.error().message(), api->encode(hello).error().message());
    EXPECT_EQ(checked.error().message().find('\n'), std::string::npos);
    return std::string(checked.error().param());
}

TEST(anthropic, writes_a_request_for_its_own_api) {
    const auto request = encoded(anthropic(empty_environment).api_key("sk-1"));
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.origin.to_string(), "https://api.anthropic.com");
    EXPECT_EQ(request.target, "/v1/messages");
    EXPECT_EQ(request.headers.get("x-api-key"), "sk-1");
    EXPECT_EQ(request.headers.get("anthropic-version"), "2023-06-01");
    EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(request.headers.get("Accept"), "application/json");
    EXPECT_TRUE(request.headers.get("User-Agent").starts_with("chorus/"));
    EXPECT_FALSE(request.headers.contains("Accept-Encoding"));
    EXPECT_FALSE(request.headers.contains("Authorization"));
    EXPECT_FALSE(request.headers.contains("anthropic-beta"));
    EXPECT_EQ(request.body, R"({"model":"m","max_tokens":8192,"messages":[{"role":"user","content":"hi"}]})");
}

TEST(anthropic, asks_for_a_stream) {
    const auto request = anthropic(empty_environment).api_key("sk-1").max_tokens(9).make()->encode_stream(hello);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->target, "/v1/messages");
    EXPECT_EQ(request->body,
              R"({"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"stream":true})");
}

TEST(anthropic, reads_the_environment_trimmed) {
    const auto request = encoded(anthropic(full_environment));
    EXPECT_EQ(request.origin.to_string(), "https://gateway.example");
    EXPECT_EQ(request.target, "/anthropic/v1/messages");
    EXPECT_EQ(request.headers.get("x-api-key"), "sk-ant-environment");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer token-environment");
}

TEST(anthropic, takes_blank_variables_for_none) {
    EXPECT_EQ(encoded(anthropic(blank_environment).api_key("k")).origin.to_string(), "https://api.anthropic.com");
    EXPECT_EQ(refused(anthropic(blank_environment)), "api_key");
}

TEST(anthropic, lets_options_win_over_the_environment) {
    auto request = encoded(anthropic(full_environment).api_key(" sk-own\n").base_url("http://localhost:8000"));
    EXPECT_EQ(request.origin.to_string() + request.target, "http://localhost:8000/v1/messages");
    EXPECT_EQ(request.headers.get("x-api-key"), "sk-own");
    EXPECT_FALSE(request.headers.contains("Authorization"));
    request = encoded(anthropic(full_environment).auth_token("token"));
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer token");
    EXPECT_FALSE(request.headers.contains("x-api-key"));
    request = encoded(anthropic(full_environment).api_key("sk-own").auth_token("token"));
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer token");
    EXPECT_EQ(request.headers.get("x-api-key"), "sk-own");
    request = encoded(anthropic(full_environment).api_key("").base_url("http://localhost:1234"));
    EXPECT_FALSE(request.headers.contains("Authorization"));
    EXPECT_FALSE(request.headers.contains("x-api-key"));
}

TEST(anthropic, joins_a_base_url_with_and_without_version) {
    const auto target = [](const char* url) {
        return encoded(anthropic(empty_environment).api_key("k").base_url(url)).target;
    };
    EXPECT_EQ(target("https://h"), "/v1/messages");
    EXPECT_EQ(target("https://h/"), "/v1/messages");
    EXPECT_EQ(target("https://h/v1"), "/v1/messages");
    EXPECT_EQ(target("https://h/v1/"), "/v1/messages");
    EXPECT_EQ(target("https://h/api/v1?x=1"), "/api/v1/messages?x=1");
    EXPECT_EQ(target("https://h/dev1"), "/dev1/v1/messages");
    EXPECT_EQ(target(""), "/v1/messages");
}

TEST(anthropic, asks_for_credentials_on_its_own_hosts_only) {
    EXPECT_EQ(refused(anthropic(empty_environment)), "api_key");
    EXPECT_EQ(refused(anthropic(empty_environment).auth_token("t")), "");
    EXPECT_EQ(refused(anthropic(empty_environment).base_url("http://localhost:1234")), "");
    EXPECT_EQ(refused(anthropic(empty_environment).base_url("https://notapi.anthropic.com.example")), "");
    const std::string text(anthropic(empty_environment).check().error().text());
    EXPECT_NE(text.find("ANTHROPIC_API_KEY"), std::string::npos);
    EXPECT_NE(text.find("api_key()"), std::string::npos);
}

TEST(anthropic, refuses_options_that_break_a_request_and_names_them) {
    const auto keyed = [] { return anthropic(empty_environment).api_key("sk-1"); };
    EXPECT_EQ(refused(keyed().base_url("ftp://x")), "base_url");
    EXPECT_EQ(refused(keyed().beta("a\nb")), "beta");
    EXPECT_EQ(refused(keyed().max_tokens(0)), "max_tokens");
    EXPECT_EQ(refused(keyed().header("X", "a\nb")), "headers[X]");
    EXPECT_EQ(refused(keyed().header("Host", "a")), "headers[Host]");
    EXPECT_EQ(refused(keyed().api_key("sk\r\nX: y")), "api_key");
    EXPECT_EQ(refused(keyed().auth_token("t\nX: y")), "auth_token");
}

/// What `ANTHROPIC_CUSTOM_HEADERS` and `ANTHROPIC_API_KEY` say in the test that runs.
const char* custom_headers = nullptr;
const char* environment_key = nullptr;
const char* custom_environment(const char* name) {
    if (std::strcmp(name, "ANTHROPIC_CUSTOM_HEADERS") == 0) return custom_headers;
    return std::strcmp(name, "ANTHROPIC_API_KEY") == 0 ? environment_key : nullptr;
}
anthropic with_custom_headers(const char* lines, const char* key = "sk-environment") {
    custom_headers = lines;
    environment_key = key;
    return anthropic(custom_environment);
}

TEST(anthropic, sends_the_headers_of_the_environment) {
    auto request =
        encoded(with_custom_headers(" X-Route: a:b\r\nanthropic-beta: b-1\nanthropic-version: 2099-01-01\n"));
    EXPECT_EQ(request.headers.get("X-Route"), "a:b");
    EXPECT_EQ(request.headers.get("anthropic-beta"), "b-1");
    EXPECT_EQ(request.headers.get("anthropic-version"), "2099-01-01");
    EXPECT_EQ(request.headers.get("x-api-key"), "sk-environment");
    request = encoded(with_custom_headers("anthropic-beta: b-1\nX-Route: a").beta("b-2").header("x-route", "o"));
    EXPECT_EQ(request.headers.get("anthropic-beta"), "b-2");
    EXPECT_EQ(request.headers.get("X-Route"), "o");
}

TEST(anthropic, names_the_variable_whose_lines_are_no_headers) {
    EXPECT_EQ(refused(with_custom_headers("X-A: 1\nX-B")), "ANTHROPIC_CUSTOM_HEADERS");
    EXPECT_EQ(refused(with_custom_headers("Host: 1")), "ANTHROPIC_CUSTOM_HEADERS[Host]");
}

TEST(anthropic, sends_no_key_of_a_header_in_place_of_another) {
    EXPECT_EQ(refused(with_custom_headers("X-Api-Key: sk-custom-1")), "ANTHROPIC_CUSTOM_HEADERS");
    // Each of the two has a header of its own: both are sent, as those of the other variables are.
    const auto both = encoded(with_custom_headers("Authorization: Bearer sk-custom-1"));
    EXPECT_EQ(both.headers.get("x-api-key"), "sk-environment");
    EXPECT_EQ(both.headers.get("Authorization"), "Bearer sk-custom-1");
    const auto own = encoded(with_custom_headers("Authorization: Bearer sk-custom-1").api_key("sk-own"));
    EXPECT_EQ(own.headers.get("x-api-key"), "sk-own");
    EXPECT_FALSE(own.headers.contains("Authorization"));
    EXPECT_EQ(refused(with_custom_headers("Authorization: Bearer sk-custom-1", nullptr)), "");
}

TEST(anthropic, lists_its_betas) {
    const auto keyed = [] { return anthropic(empty_environment).api_key("sk-1"); };
    EXPECT_EQ(encoded(keyed().beta("a").beta(" b ").beta("")).headers.get("anthropic-beta"), "a,b");
    EXPECT_EQ(encoded(keyed().beta("a"), chat_request("m").user("hi").header("anthropic-beta", "c"))
                  .headers.get("anthropic-beta"),
              "c");
    EXPECT_EQ(encoded(keyed().header("anthropic-version", "2030-01-01")).headers.get("anthropic-version"),
              "2030-01-01");
}

TEST(anthropic, checks_the_request_too) {
    const auto api = anthropic(empty_environment).api_key("sk-1").make();
    EXPECT_EQ(api->encode(chat_request("m")).error().param(), "messages");
    EXPECT_EQ(api->encode_stream(chat_request("m")).error().param(), "messages");
    EXPECT_EQ(api->encode_count_tokens(chat_request("m")).error().param(), "messages");
    EXPECT_EQ(api->encode(chat_request("m").user("hi").seed(1)).error().param(), "seed");
    EXPECT_EQ(api->encode_stream(chat_request("m").user("hi").seed(1)).error().param(), "seed");
}

TEST(anthropic, counts_tokens) {
    const auto api = anthropic(empty_environment).api_key("sk-1").base_url("https://h/v1").make();
    const auto request = api->encode_count_tokens(chat_request("m").user("hi").header("X-Title", "t"));
    ASSERT_TRUE(request);
    EXPECT_EQ(request->target, "/v1/messages/count_tokens");
    EXPECT_EQ(request->headers.get("X-Title"), "t");
    EXPECT_EQ(request->body, R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
    const auto count = api->decode_count_tokens({200, {}, R"({"input_tokens":3})", {}}, {});
    ASSERT_TRUE(count);
    EXPECT_EQ(*count, 3);
}

TEST(anthropic, lists_models_page_by_page) {
    const auto api = anthropic(empty_environment).api_key("sk-1").make();
    const auto first = api->encode_models("");
    ASSERT_TRUE(first);
    EXPECT_EQ(first->method, "GET");
    EXPECT_EQ(first->target, "/v1/models");
    EXPECT_EQ(first->headers.get("anthropic-version"), "2023-06-01");
    EXPECT_EQ(api->encode_models("a/b")->target, "/v1/models?after_id=a%2Fb");
    EXPECT_EQ(api->encode_model("a/b")->target, "/v1/models/a%2Fb");
    EXPECT_EQ(api->encode_model("").error().param(), "model") << "which would ask for the list";
    const auto page = api->decode_models(
        {200, {}, R"({"data":[{"id":"m1","display_name":"M"}],"has_more":true,"last_id":"m1"})", {}}, {});
    ASSERT_TRUE(page);
    EXPECT_EQ(page->models.at(0).display_name, "M");
    EXPECT_EQ(page->next, "m1");
    const auto model = api->decode_model({200, {}, R"({"id":"m1"})", {}}, {});
    ASSERT_TRUE(model);
    EXPECT_EQ(model->id, "m1");
}

TEST(anthropic, never_shows_its_secrets_in_an_error) {
    const auto checked = anthropic(empty_environment).api_key("sk-secret\r\nX: y").check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().message().find("secret"), std::string::npos);

    const auto api = anthropic(empty_environment)
                         .api_key("sk-secret-1")
                         .auth_token("tk-secret-2")
                         .header("Api-Key", "hd-secret-3")
                         .make();
    const std::string body =
        R"({"type":"error","error":{"type":"api_error","message":"a sk-secret-1 b tk-secret-2 c hd-secret-3"}})";
    const auto expect_clean = [](const error& failure) {
        EXPECT_EQ(failure.text(), "a *** b *** c ***");
        EXPECT_EQ(failure.body().find("secret"), std::string::npos);
    };
    for (const int status : {200, 401}) {
        expect_clean(api->decode({status, {}, body, {}}, {}).error());
        expect_clean(api->decode_count_tokens({status, {}, body, {}}, {}).error());
        expect_clean(api->decode_models({status, {}, body, {}}, {}).error());
        expect_clean(api->decode_model({status, {}, body, {}}, {}).error());
    }
    const auto decoder = api->make_stream_decoder();
    chat_accumulator accumulator;
    const auto read = decoder->read({"error", body}, accumulator);
    ASSERT_FALSE(read);
    expect_clean(read.error());
    EXPECT_EQ(decoder->finish(accumulator).error(), errc::truncated);
}

TEST(anthropic, converts_to_a_provider_and_decodes) {
    std::shared_ptr<const provider> api = anthropic(empty_environment).api_key("sk-1");
    EXPECT_EQ(api->name(), "anthropic");
    const auto response = api->decode({200, {}, R"({"content":[{"type":"text","text":"Hi"}]})", {}}, {});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->text(), "Hi");

    // A decoder does not need its provider any more.
    const auto decoder = api->make_stream_decoder();
    api.reset();
    chat_accumulator accumulator;
    EXPECT_TRUE(decoder->read(
        {"", R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})"}, accumulator));
    EXPECT_FALSE(decoder->is_complete());
    EXPECT_TRUE(decoder->read({"message_stop", "{}"}, accumulator));
    EXPECT_TRUE(decoder->is_complete());
    EXPECT_TRUE(decoder->finish(accumulator));
    EXPECT_EQ(accumulator.so_far().choices.at(0).message.content, "Hi");
}

}  // namespace

}  // namespace anthropic_tests
