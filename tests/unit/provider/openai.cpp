// Contracts of the options of an OpenAI endpoint and of its provider.
#include <chorus/provider/openai.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace openai_tests {

namespace {

using namespace chorus;

const char* empty_environment(const char*) {
    return nullptr;
}

const char* full_environment(const char* name) {
    if (std::strcmp(name, "OPENAI_API_KEY") == 0) return " sk-environment\n";
    if (std::strcmp(name, "OPENAI_BASE_URL") == 0) return "https://gateway.example/openai/v1/\n";
    if (std::strcmp(name, "OPENAI_ORG_ID") == 0) return "org_1";
    if (std::strcmp(name, "OPENAI_PROJECT_ID") == 0) return "proj_1";
    return nullptr;
}

const char* blank_environment(const char*) {
    return " \n";
}

const chat_request hello = chat_request("m").user("hi");

http::request encoded(const openai& options, const chat_request& request = hello) {
    const auto made = options.make()->encode(request);
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : http::request();
}

/// The option that is refused, by `check` and by each call alike; empty if none is.
std::string refused(const openai& options) {
    const auto checked = options.check();
    const auto made = options.make()->encode(hello);
    EXPECT_EQ(checked.has_value(), made.has_value());
    if (checked) return "";
    EXPECT_EQ(checked.error(), errc::invalid_argument);
    EXPECT_EQ(checked.error().phase(), phase::input);
    EXPECT_EQ(checked.error().message(), made.error().message());
    EXPECT_EQ(checked.error().message().find('\n'), std::string::npos);
    return std::string(checked.error().param());
}

TEST(openai, writes_a_request_for_its_own_api) {
    const auto request = encoded(openai(empty_environment).api_key("sk-1"));
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.origin.to_string(), "https://api.openai.com");
    EXPECT_EQ(request.target, "/v1/chat/completions");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-1");
    EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(request.headers.get("Accept"), "application/json");
    EXPECT_TRUE(request.headers.get("User-Agent").starts_with("chorus/"));
    EXPECT_FALSE(request.headers.contains("Accept-Encoding"));
    EXPECT_FALSE(request.headers.contains("OpenAI-Organization"));
    EXPECT_FALSE(request.headers.contains("OpenAI-Project"));
    EXPECT_EQ(request.body, R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
}

TEST(openai, reads_the_environment_trimmed) {
    const auto request = encoded(openai(full_environment));
    EXPECT_EQ(request.origin.to_string(), "https://gateway.example");
    EXPECT_EQ(request.target, "/openai/v1/chat/completions");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-environment");
    EXPECT_EQ(request.headers.get("OpenAI-Organization"), "org_1");
    EXPECT_EQ(request.headers.get("OpenAI-Project"), "proj_1");
}

TEST(openai, lets_options_win_over_the_environment) {
    const auto request = encoded(openai(full_environment)
                                     .api_key(" sk-own\n")
                                     .base_url("http://localhost:8000")
                                     .organization("org_2")
                                     .project("proj_2"));
    EXPECT_EQ(request.origin.to_string(), "http://localhost:8000");
    EXPECT_EQ(request.target, "/chat/completions");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-own");
    EXPECT_EQ(request.headers.get("OpenAI-Organization"), "org_2");
    EXPECT_EQ(request.headers.get("OpenAI-Project"), "proj_2");
}

TEST(openai, takes_blank_variables_for_none) {
    const auto request = encoded(openai(blank_environment).api_key("sk-1"));
    EXPECT_EQ(request.origin.to_string(), "https://api.openai.com");
    EXPECT_FALSE(request.headers.contains("OpenAI-Organization"));
    EXPECT_EQ(refused(openai(blank_environment)), "api_key");
}

TEST(openai, keeps_the_query_of_a_base_url) {
    const auto request = encoded(openai(empty_environment).api_key("k").base_url("https://h/openai/v1/?api-version=1"));
    EXPECT_EQ(request.target, "/openai/v1/chat/completions?api-version=1");
}

TEST(openai, asks_for_a_key_on_its_own_hosts_only) {
    const auto at = [](const char* url) { return refused(openai(empty_environment).base_url(url)); };
    EXPECT_EQ(refused(openai(empty_environment)), "api_key");
    EXPECT_EQ(at("https://eu.api.openai.com/v1"), "api_key");
    EXPECT_EQ(at("http://localhost:11434/v1"), "");
    EXPECT_EQ(at("https://notapi.openai.com.example/v1"), "");
    EXPECT_EQ(at("https://xapi.openai.com/v1"), "");
    const std::string text(openai(empty_environment).check().error().text());
    EXPECT_NE(text.find("OPENAI_API_KEY"), std::string::npos);
    EXPECT_NE(text.find("api_key()"), std::string::npos);
}

TEST(openai, takes_an_empty_base_url_for_none) {
    for (const char* empty : {"", " \n"}) {
        const auto request = encoded(openai(empty_environment).api_key("sk-1").base_url(empty));
        EXPECT_EQ(request.origin.to_string() + request.target, "https://api.openai.com/v1/chat/completions");
    }
    EXPECT_EQ(encoded(openai(full_environment).base_url("")).origin.to_string(), "https://gateway.example");
}

TEST(openai, sends_no_key_where_it_is_set_to_nothing) {
    const auto request = encoded(openai(full_environment).api_key("").base_url("http://localhost:1234/v1"));
    EXPECT_FALSE(request.headers.contains("Authorization"));
}

TEST(openai, refuses_options_that_break_a_request_and_names_them) {
    const auto keyed = [] { return openai(empty_environment).api_key("sk-1"); };
    EXPECT_EQ(refused(keyed().base_url("ftp://x")), "base_url");
    EXPECT_EQ(refused(keyed().base_url("api.openai.com/v1")), "base_url");
    EXPECT_EQ(refused(keyed().organization("a\nb")), "organization");
    EXPECT_EQ(refused(keyed().project("a\rb")), "project");
    EXPECT_EQ(refused(keyed().header("X", "a\nb")), "headers[X]");
    EXPECT_EQ(refused(keyed().header("X Y", "a")), "headers");
    EXPECT_EQ(refused(keyed().header("Host", "a")), "headers[Host]");
    EXPECT_EQ(refused(keyed().api_key(std::string("sk\0x", 4))), "api_key");
}

TEST(openai, never_shows_a_key_in_an_error) {
    const auto checked = openai(empty_environment).api_key("sk-secret\r\nX: y").check();
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().param(), "api_key");
    EXPECT_EQ(checked.error().message().find("secret"), std::string::npos);

    const auto api = openai(empty_environment).api_key("sk-secret-1").make();
    for (const int status : {200, 401}) {
        const auto response =
            api->decode({status, {}, R"({"error":{"message":"bad key sk-secret-1, sk-secret-1"}})", {}}, {});
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().text(), "bad key ***, ***");
        EXPECT_EQ(response.error().body().find("secret"), std::string::npos);
    }
}

/// The error made of a response that repeats a secret wherever it can.
error echoed(const openai& options, const std::string& hidden) {
    http::headers headers;
    headers.add("x-request-id", "id " + hidden);
    const std::string body = R"({"error":{"message":"a $","type":"b $","code":"c $","param":"d $"}})";
    std::string filled;
    for (const char c : body) c == '$' ? filled += hidden : filled += c;
    const auto response = options.make()->decode({401, headers, filled, {}}, {});
    EXPECT_FALSE(response);
    return response ? error() : response.error();
}

// --- headers of the environment ---

/// What `OPENAI_CUSTOM_HEADERS` and `OPENAI_API_KEY` say in the test that runs.
const char* custom_headers = nullptr;
const char* environment_key = nullptr;
const char* custom_environment(const char* name) {
    if (std::strcmp(name, "OPENAI_CUSTOM_HEADERS") == 0) return custom_headers;
    return std::strcmp(name, "OPENAI_API_KEY") == 0 ? environment_key : nullptr;
}
openai with_custom_headers(const char* lines, const char* key = "sk-environment") {
    custom_headers = lines;
    environment_key = key;
    return openai(custom_environment);
}

TEST(openai, sends_the_headers_of_the_environment) {
    const auto request =
        encoded(with_custom_headers("\n X-Title:  my app \r\n\nx-route : a:b\nUser-Agent: app/1\nX-None:\n"));
    EXPECT_EQ(request.headers.get("X-Title"), "my app");
    EXPECT_EQ(request.headers.get("X-Route"), "a:b");
    EXPECT_EQ(request.headers.get("User-Agent"), "app/1");
    EXPECT_TRUE(request.headers.contains("X-None"));
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-environment");
}

TEST(openai, lets_options_win_over_the_headers_of_the_environment) {
    const auto request = encoded(with_custom_headers("OpenAI-Organization: org_e\nX-A: e\nX-B: e\nX-C: e")
                                     .organization("org_o")
                                     .header("x-a", "o"),
                                 chat_request("m").user("hi").header("x-b", "r"));
    EXPECT_EQ(request.headers.get("OpenAI-Organization"), "org_o");
    EXPECT_EQ(request.headers.get("X-A"), "o");
    EXPECT_EQ(request.headers.get("X-B"), "r");
    EXPECT_EQ(request.headers.get("X-C"), "e");
}

TEST(openai, names_the_variable_whose_lines_are_no_headers) {
    EXPECT_EQ(refused(with_custom_headers("X-A: 1\nBearer sk-secret-1")), "OPENAI_CUSTOM_HEADERS");
    EXPECT_EQ(refused(with_custom_headers(": 1")), "OPENAI_CUSTOM_HEADERS");
    EXPECT_EQ(refused(with_custom_headers("X A: 1")), "OPENAI_CUSTOM_HEADERS");
    EXPECT_EQ(refused(with_custom_headers("X-A: 1\x01")), "OPENAI_CUSTOM_HEADERS[X-A]");
    EXPECT_EQ(refused(with_custom_headers("host: 1")), "OPENAI_CUSTOM_HEADERS[host]");
    const auto wrong = with_custom_headers("X-A: 1\n\nBearer sk-secret-1").check();
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message().find("OPENAI_CUSTOM_HEADERS: line 3"), std::string::npos);
    EXPECT_EQ(wrong.error().message().find("sk-secret"), std::string::npos);
}

TEST(openai, sends_no_key_of_a_header_in_place_of_another) {
    EXPECT_EQ(refused(with_custom_headers("authorization: Bearer sk-custom-1")), "OPENAI_CUSTOM_HEADERS");
    // A key that the program sets, be it none, puts those of the environment aside.
    const char* const both = "authorization: Bearer sk-custom-1\napi-key: sk-custom-2\nX-A: 1";
    const auto own = encoded(with_custom_headers(both).api_key("sk-own"));
    EXPECT_EQ(own.headers.get("Authorization"), "Bearer sk-own");
    EXPECT_FALSE(own.headers.contains("api-key"));
    EXPECT_EQ(own.headers.get("X-A"), "1");
    const auto none = encoded(with_custom_headers(both).api_key("").base_url("http://localhost:1234/v1"));
    EXPECT_FALSE(none.headers.contains("Authorization"));
}

TEST(openai, takes_its_key_from_a_header_where_there_is_no_other) {
    const auto environment = with_custom_headers("Authorization: Bearer sk-custom-1", nullptr);
    EXPECT_EQ(encoded(environment).headers.get("Authorization"), "Bearer sk-custom-1");
    const auto option = openai(empty_environment).header("Authorization", "Bearer sk-own");
    EXPECT_EQ(encoded(option).headers.get("Authorization"), "Bearer sk-own");
    // And shows it as little.
    const auto refusal = environment.make()->decode(
        http::response{401, {}, R"({"error":{"message":"Incorrect key: sk-custom-1"}})", {}}, {});
    ASSERT_FALSE(refusal);
    EXPECT_EQ(refusal.error().text().find("sk-custom-1"), std::string::npos);
}

TEST(openai, hides_its_secrets_in_every_part_of_an_error) {
    const auto keyless = [] { return openai(empty_environment).base_url("http://h"); };
    const std::string hidden = "the-secret-1";
    for (const openai& options :
         {keyless().api_key(hidden), keyless().header("api-key", hidden), keyless().header("X-API-Key", hidden),
          keyless().header("Authorization", hidden), keyless().header("authorization", "Bearer  " + hidden),
          keyless().header("api-key", "the-secret").header("x-api-key", hidden),
          keyless().header("Ocp-Apim-Subscription-Key", hidden), keyless().header("x-goog-api-key", hidden),
          keyless().header("CF-Access-Client-Secret", hidden), keyless().header("X-Auth-Token", hidden)}) {
        const error failed = echoed(options, hidden);
        EXPECT_EQ(failed.text(), "a ***");
        EXPECT_EQ(failed.type(), "b ***");
        EXPECT_EQ(failed.provider_code(), "c ***");
        EXPECT_EQ(failed.param(), "d ***");
        EXPECT_EQ(failed.request_id(), "id ***");
        EXPECT_EQ(failed.body(), R"({"error":{"message":"a ***","type":"b ***","code":"c ***","param":"d ***"}})");
    }
}

TEST(openai, hides_no_words_that_are_no_secrets) {
    const auto options = openai(empty_environment).base_url("http://h").api_key("none").header("X-Team", "research-1");
    EXPECT_EQ(echoed(options, "none research-1").text(), "a none research-1");
    const auto numbered = openai(empty_environment).base_url("http://h").header("Idempotency-Key", "order-4711");
    EXPECT_EQ(echoed(numbered, "order-4711").text(), "a order-4711");
}

TEST(openai, checks_the_request_too) {
    const auto api = openai(empty_environment).api_key("sk-1").make();
    const auto made = api->encode(chat_request("m"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().param(), "messages");
}

TEST(openai, puts_headers_of_the_user_in_place_of_its_own) {
    const auto options = openai(empty_environment).api_key("sk-1").header("User-Agent", "app/1").header("X-Title", "t");
    auto request = encoded(options);
    EXPECT_EQ(request.headers.get("User-Agent"), "app/1");
    EXPECT_EQ(request.headers.get("X-Title"), "t");
    request = encoded(options, chat_request("m").user("hi").header("x-title", "u").header("authorization", "Basic x"));
    EXPECT_EQ(request.headers.get("X-Title"), "u");
    EXPECT_EQ(request.headers.get("Authorization"), "Basic x");
}

TEST(openai, converts_to_a_provider_and_decodes) {
    const std::shared_ptr<const provider> api = openai(empty_environment).api_key("sk-1");
    EXPECT_EQ(api->name(), "openai");
    const auto response = api->decode({200, {}, R"({"choices":[{"message":{"content":"Hi"}}]})", {}}, {});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->text(), "Hi");
}

// --- streams ---

/// Reads one answer that is streamed, and says how it ended.
result<void> streamed(const openai& options, std::initializer_list<std::string_view> chunks) {
    const auto api = options.make();
    const auto decoder = api->make_stream_decoder();
    chat_accumulator into;
    for (const std::string_view each : chunks) {
        if (const auto read = decoder->read(sse::event{{}, each}, into); !read) return read;
    }
    if (decoder->is_complete()) return {};
    return decoder->finish(into);
}

constexpr std::string_view last_chunk = R"({"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]})";

TEST(openai, asks_for_a_stream_where_it_asks_for_an_answer) {
    const auto api = openai(empty_environment).api_key("sk-1").make();
    const auto made = api->encode_stream(hello);
    ASSERT_TRUE(made) << made.error().message();
    EXPECT_EQ(made->target, "/v1/chat/completions");
    EXPECT_EQ(made->headers.get("Authorization"), "Bearer sk-1");
    const auto body = nlohmann::json::parse(made->body);
    EXPECT_EQ(body.at("stream"), true);
    EXPECT_EQ(body.at("stream_options").at("include_usage"), true);
    EXPECT_EQ(api->encode_stream(chat_request("m")).error().param(), "messages");
}

TEST(openai, knows_the_end_of_a_stream) {
    const auto own = openai(empty_environment).api_key("sk-1");
    EXPECT_TRUE(streamed(own, {last_chunk, "[DONE]"}));
    EXPECT_EQ(streamed(own, {last_chunk}).error(), errc::truncated);
    EXPECT_EQ(streamed(own, {}).error(), errc::truncated);
    // Other servers may not send the mark.
    const auto other = openai(empty_environment).base_url("http://localhost/v1");
    EXPECT_TRUE(streamed(other, {last_chunk}));
    EXPECT_EQ(streamed(other, {}).error(), errc::truncated);
}

TEST(openai, sends_what_other_servers_added_to_other_servers_only) {
    const auto request = chat_request("m").user("hi").add(
        message::assistant("")
            .tool_calls({{"c", "function", "f", "{}", R"({"extra_content":{"google":1}})"}})
            .reasoning("thoughts", "reasoning_content")
            .native({"openai", R"({"reasoning_details":[1]})"}));
    const std::string own = encoded(openai(empty_environment).api_key("sk-1"), request).body;
    const std::string other = encoded(openai(empty_environment).base_url("http://localhost/v1"), request).body;
    for (const char* added : {"extra_content", "reasoning_content", "reasoning_details"}) {
        EXPECT_EQ(own.find(added), own.npos) << added;
        EXPECT_NE(other.find(added), other.npos) << added;
    }
}

TEST(openai, hides_its_secrets_in_the_errors_of_a_stream) {
    const std::string hidden = "the-secret-1";
    const auto failed = streamed(openai(empty_environment).base_url("http://h").api_key(hidden),
                                 {R"({"error":{"message":"bad key the-secret-1","type":"authentication_error"}})"});
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), errc::unauthenticated);
    EXPECT_EQ(failed.error().text(), "bad key ***");
    EXPECT_EQ(failed.error().body().find(hidden), std::string_view::npos);
}

}  // namespace

}  // namespace openai_tests
