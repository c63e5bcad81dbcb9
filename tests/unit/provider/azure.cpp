// Contracts of the options of an Azure resource: both of its APIs, keys and tokens, and what is refused.
#include <chorus/provider/azure.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

namespace azure_tests {

namespace {

using namespace chorus;

const char* empty_environment(const char*) {
    return nullptr;
}
const char* keyed_environment(const char* name) {
    if (std::strcmp(name, "AZURE_OPENAI_ENDPOINT") == 0) return " https://res.openai.azure.com/\n";
    if (std::strcmp(name, "AZURE_OPENAI_API_KEY") == 0) return " azure-key-1\n";
    if (std::strcmp(name, "OPENAI_API_VERSION") == 0) return "2024-10-21";
    if (std::strcmp(name, "OPENAI_API_KEY") == 0) return "sk-openai";
    return nullptr;
}
const char* full_environment(const char* name) {
    return std::strcmp(name, "AZURE_OPENAI_AD_TOKEN") == 0 ? "entra-token-1\n" : keyed_environment(name);
}

chat_request hello() {
    return chat_request("gpt-4o").user("hi");
}

azure classic() {
    return azure(empty_environment).endpoint("https://r.example").api_key("azure-key-2").api_version("2024-10-21");
}

http::request encoded(const azure& options, const chat_request& request = hello()) {
    const auto made = options.make()->encode(request);
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : http::request();
}

/// The option that is refused, by `check` and by each call alike; empty if none is.
std::string refused(const azure& options) {
    const auto checked = options.check();
    const auto made = options.make()->encode(hello());
    EXPECT_EQ(checked.has_value(), made.has_value());
    if (checked) return "";
    EXPECT_EQ(checked.error(), errc::invalid_argument);
    EXPECT_EQ(checked.error().message(), made.error().message());
    return std::string(checked.error().param());
}

TEST(azure, sends_no_thoughts_back_to_the_models_of_openai) {
    const auto answer = message::assistant("x")
                            .tool_calls({{"c", "function", "f", "{}", R"({"extra_content":1})"}})
                            .reasoning("thoughts", "reasoning_content")
                            .native({"openai", R"({"reasoning_details":[1]})"});
    const std::string body = encoded(classic(), hello().add(answer)).body;
    for (const char* added : {"thoughts", "extra_content", "reasoning_details"}) {
        EXPECT_EQ(body.find(added), body.npos) << added;
    }
}

TEST(azure, asks_the_deployment_that_bears_the_name_of_the_model) {
    const auto request = encoded(classic());
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.origin.to_string(), "https://r.example");
    EXPECT_EQ(request.target, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
    EXPECT_EQ(request.headers.get("api-key"), "azure-key-2");
    EXPECT_FALSE(request.headers.contains("Authorization"));
    EXPECT_EQ(request.body, R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]})");
}

TEST(azure, asks_the_deployment_that_it_is_told) {
    EXPECT_EQ(encoded(classic().deployment("prod")).target,
              "/openai/deployments/prod/chat/completions?api-version=2024-10-21");
}

TEST(azure, escapes_the_name_of_a_deployment) {
    EXPECT_EQ(encoded(classic(), chat_request("a/b c?d").user("hi")).target,
              "/openai/deployments/a%2Fb%20c%3Fd/chat/completions?api-version=2024-10-21");
    EXPECT_EQ(encoded(classic().deployment("ü")).target,
              "/openai/deployments/%C3%BC/chat/completions?api-version=2024-10-21");
}

TEST(azure, has_each_call_where_its_api_has_it) {
    const auto api = classic().make();
    std::size_t next = 0;
    EXPECT_EQ(api->encode_stream(hello())->target,
              "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
    EXPECT_EQ(api->encode_embeddings(embedding_request("ada").input("x"), next)->target,
              "/openai/deployments/ada/embeddings?api-version=2024-10-21");
    EXPECT_EQ(api->encode_models("")->target, "/openai/models?api-version=2024-10-21");
    EXPECT_EQ(api->encode_models("x&y")->target, "/openai/models?api-version=2024-10-21&after=x%26y");
    EXPECT_EQ(api->encode_model("gpt-4o")->target, "/openai/models/gpt-4o?api-version=2024-10-21");
}

TEST(azure, has_an_api_without_deployments_and_versions) {
    const auto request = encoded(classic().v1());
    EXPECT_EQ(request.target, "/openai/v1/chat/completions");
    EXPECT_EQ(request.headers.get("api-key"), "azure-key-2");
    std::size_t next = 0;
    EXPECT_EQ(classic().v1().make()->encode_embeddings(embedding_request("ada").input("x"), next)->target,
              "/openai/v1/embeddings");
}

TEST(azure, takes_an_endpoint_as_people_copy_it) {
    for (const char* url : {"https://r.example", "https://r.example/", "https://r.example/openai",
                            "https://r.example/openai/", " https://r.example/openai\n"}) {
        EXPECT_EQ(encoded(classic().endpoint(url)).target,
                  "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21")
            << url;
        EXPECT_EQ(encoded(classic().endpoint(url).v1()).target, "/openai/v1/chat/completions") << url;
    }
    for (const char* url : {"https://r.example/openai/v1", "https://r.example/openai/v1/"}) {
        EXPECT_EQ(encoded(classic().endpoint(url)).target, "/openai/v1/chat/completions") << url;
    }
    for (const char* rest : {"", "/", "/chat/completions", "/chat/completions?api-version=2024-10-21&x=1"}) {
        const std::string url = std::string("https://r.example/openai/deployments/my-own") + rest;
        EXPECT_EQ(encoded(classic().endpoint(url)).target,
                  "/openai/deployments/my-own/chat/completions?api-version=2024-10-21")
            << url;
        EXPECT_EQ(encoded(classic().endpoint(url).deployment("other")).target,
                  "/openai/deployments/other/chat/completions?api-version=2024-10-21");
        EXPECT_EQ(encoded(classic().endpoint(url).v1()).target, "/openai/v1/chat/completions");
    }
    EXPECT_EQ(encoded(azure(empty_environment)
                          .api_key("azure-key-2")
                          .endpoint("https://r.example/openai/deployments/d/chat/completions?api-version=2025-01-01"))
                  .target,
              "/openai/deployments/d/chat/completions?api-version=2025-01-01");
    EXPECT_EQ(encoded(classic().endpoint("https://gateway.example/team-a/")).target,
              "/team-a/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
}

TEST(azure, reads_the_environment_trimmed) {
    const auto request = encoded(azure(keyed_environment));
    EXPECT_EQ(request.origin.to_string(), "https://res.openai.azure.com");
    EXPECT_EQ(request.target, "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21");
    EXPECT_EQ(request.headers.get("api-key"), "azure-key-1");
    EXPECT_EQ(request.headers.block().find("sk-openai"), std::string::npos);
}

TEST(azure, prefers_a_token_to_a_key) {
    for (const auto& options : {azure(full_environment), classic().token("entra-token-1"),
                                azure(empty_environment).endpoint("https://r").v1().token(" entra-token-1\n")}) {
        const auto request = encoded(options);
        EXPECT_EQ(request.headers.get("Authorization"), "Bearer entra-token-1");
        EXPECT_FALSE(request.headers.contains("api-key"));
    }
}

TEST(azure, takes_a_key_of_the_program_in_place_of_a_token_of_the_environment) {
    const auto request = encoded(azure(full_environment).api_key("azure-key-3"));
    EXPECT_EQ(request.headers.get("api-key"), "azure-key-3");
    EXPECT_FALSE(request.headers.contains("Authorization"));
}

TEST(azure, refuses_options_that_break_a_request_and_names_them) {
    const auto complete = [] { return azure(keyed_environment); };
    EXPECT_EQ(refused(complete()), "");
    EXPECT_EQ(refused(azure(empty_environment)), "endpoint");
    EXPECT_EQ(refused(azure(empty_environment).endpoint("r.example")), "endpoint");
    EXPECT_EQ(refused(azure(empty_environment).endpoint("https://r").api_key("k")), "api_version");
    EXPECT_EQ(refused(azure(empty_environment).endpoint("https://r").api_key("k").v1()), "");
    EXPECT_EQ(refused(azure(empty_environment).endpoint("https://r").v1()), "api_key");
    EXPECT_EQ(refused(azure(empty_environment).endpoint("https://r").v1().header("api-key", "k")), "");
    EXPECT_EQ(refused(complete().api_key("a\nb")), "api_key");
    EXPECT_EQ(refused(complete().token("a\nb")), "token");
    EXPECT_EQ(refused(complete().header("Host", "x")), "headers[Host]");
}

TEST(azure, says_how_to_give_what_is_missing) {
    const auto text = [](const azure& options) { return std::string(options.check().error().text()); };
    EXPECT_NE(text(azure(empty_environment)).find("AZURE_OPENAI_ENDPOINT"), std::string::npos);
    EXPECT_NE(text(azure(empty_environment).endpoint("https://r")).find("OPENAI_API_VERSION"), std::string::npos);
    EXPECT_NE(text(azure(empty_environment).endpoint("https://r").v1()).find("AZURE_OPENAI_API_KEY"),
              std::string::npos);
}

TEST(azure, hides_its_key_and_its_token) {
    for (const auto& [options, hidden] :
         {std::pair(classic(), "azure-key-2"), std::pair(classic().token("entra-token-1"), "entra-token-1")}) {
        const auto response =
            options.make()->decode({401, {}, std::string(R"({"error":{"message":"bad )") + hidden + "\"}}", {}}, {});
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().text(), "bad ***");
    }
}

TEST(azure, is_named_and_decodes_with_its_filter_results) {
    const std::shared_ptr<const provider> api = classic();
    EXPECT_EQ(api->name(), "azure");
    const auto response = api->decode({200,
                                       {},
                                       R"({"prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}],
             "choices":[{"message":{"content":"Hi"},"content_filter_results":{"hate":{"filtered":false}}}]})",
                                       {}},
                                      {});
    ASSERT_TRUE(response);
    EXPECT_EQ(response->text(), "Hi");
}

}  // namespace

}  // namespace azure_tests
