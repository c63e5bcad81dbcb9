// Contracts of servers that speak the format of OpenAI: where requests go, whose key goes with them, and the presets.
#include <chorus/provider/compatible.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace compatible_tests {

namespace {

using namespace chorus;

const char* empty_environment(const char*) {
    return nullptr;
}

/// Every service has its key, and OpenAI's variables are set as well.
const char* full_environment(const char* name) {
    for (const char* const known : {"OPENAI_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY",
                                    "MISTRAL_API_KEY", "GEMINI_API_KEY"}) {
        if (std::strcmp(name, known) == 0) return known;
    }
    if (std::strcmp(name, "OPENAI_BASE_URL") == 0) return "https://openai.example/v1";
    if (std::strcmp(name, "OPENAI_ORG_ID") == 0) return "org_1";
    if (std::strcmp(name, "OLLAMA_HOST") == 0) return "gpu-box:9999";
    return nullptr;
}

chat_request hello() {
    return chat_request("m").user("hi");
}

http::request encoded(const compatible& server, const chat_request& request = hello()) {
    const auto made = server.make()->encode(request);
    EXPECT_TRUE(made) << made.error().message();
    return made ? *made : http::request();
}

nlohmann::json body(const compatible& server, const chat_request& request) {
    return nlohmann::json::parse(encoded(server, request).body);
}

/// The field that a request is refused for; empty if it is not.
std::string refused(const compatible& server, const chat_request& request = hello()) {
    const auto made = server.make()->encode(request);
    if (made) return "";
    EXPECT_EQ(made.error(), errc::invalid_argument);
    EXPECT_EQ(made.error().phase(), phase::input);
    return std::string(made.error().param());
}

TEST(compatible, sends_the_format_of_openai_to_its_own_address) {
    const auto request = encoded(compatible("https://llm.example/api/v1/").api_key(" sk-1\n"));
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.origin.to_string(), "https://llm.example");
    EXPECT_EQ(request.target, "/api/v1/chat/completions");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-1");
    EXPECT_EQ(request.body, R"({"model":"m","messages":[{"role":"user","content":"hi"}]})");
}

TEST(compatible, needs_no_key) {
    const compatible server("http://localhost:8000/v1");
    EXPECT_TRUE(server.check());
    EXPECT_FALSE(encoded(server).headers.contains("Authorization"));
}

TEST(compatible, adds_its_query_to_every_request_escaped) {
    const auto server = compatible("https://llm.example/v1?a=1").query("b c", "d&e=f").query("g", "");
    EXPECT_EQ(encoded(server).target, "/v1/chat/completions?a=1&b%20c=d%26e%3Df&g=");
    EXPECT_EQ(server.make()->encode_models("")->target, "/v1/models?a=1&b%20c=d%26e%3Df&g=");
    EXPECT_EQ(encoded(compatible("https://llm.example/v1").query("b", "1")).target, "/v1/chat/completions?b=1");
}

TEST(compatible, puts_headers_of_the_user_in_place_of_its_own) {
    const auto request = encoded(compatible("http://h").api_key("sk-1").header("authorization", "Basic x"));
    EXPECT_EQ(request.headers.get("Authorization"), "Basic x");
}

TEST(compatible, obeys_its_quirks) {
    const compatible server("http://h", openai_quirks().rename("seed", "random_seed").refuse("logprobs"));
    EXPECT_EQ(body(server, hello().seed(7))["random_seed"], 7);
    EXPECT_EQ(refused(server, hello().logprobs()), "logprobs");
    auto amended = server;
    amended.quirks(openai_quirks(server.quirks()).drop("logprobs"));
    EXPECT_EQ(refused(amended, hello().logprobs()), "");
    EXPECT_EQ(body(amended, hello().seed(7))["random_seed"], 7);
}

TEST(compatible, obeys_its_quirks_in_streams_and_other_calls) {
    const auto api = compatible("http://h", openai_quirks().refuse("seed").refuse("dimensions")).make();
    EXPECT_EQ(api->encode_stream(hello().seed(7)).error().param(), "seed");
    std::size_t next = 0;
    EXPECT_EQ(api->encode_embeddings(embedding_request("m").input("x").dimensions(2), next).error().param(),
              "dimensions");
    EXPECT_NE(api->make_stream_decoder(), nullptr);
}

TEST(compatible, is_named_as_it_is_told) {
    EXPECT_EQ(compatible("http://h").make()->name(), "compatible");
    EXPECT_EQ(compatible("http://h").name("together").make()->name(), "together");
    const std::shared_ptr<const provider> converted = compatible("http://h").name("x");
    EXPECT_EQ(converted->name(), "x");
}

TEST(compatible, refuses_options_that_break_a_request_and_names_them) {
    EXPECT_EQ(refused(compatible("")), "base_url");
    EXPECT_EQ(refused(compatible("llm.example")), "base_url");
    EXPECT_EQ(refused(compatible("http://h").api_key("a\nb")), "api_key");
    EXPECT_EQ(refused(compatible("http://h").header("X", "a\nb")), "headers[X]");
    EXPECT_EQ(compatible("http://h").header("X", "a\nb").check().error().param(), "headers[X]");
    EXPECT_EQ(refused(compatible("http://h"), chat_request("m")), "messages");
}

TEST(compatible, names_the_variable_of_a_key_that_is_missing) {
    const auto server = compatible("http://h").api_key_from("TOGETHER_API_KEY", empty_environment);
    EXPECT_EQ(refused(server), "api_key");
    EXPECT_NE(server.check().error().text().find("TOGETHER_API_KEY"), std::string_view::npos);
    EXPECT_EQ(refused(compatible(server).api_key("sk-1")), "");
    EXPECT_EQ(refused(compatible(server).api_key("")), "") << "an empty key is a decision";
    EXPECT_EQ(refused(compatible(server).header("X-API-Key", "sk-1")), "");
}

TEST(compatible, hides_its_key_in_the_errors_of_every_call) {
    const auto api = compatible("http://h").api_key("sk-secret-1").make();
    const http::response told{401, {}, R"({"error":{"message":"bad key sk-secret-1"}})", {}};
    for (const error& failure : {api->decode(told, {}).error(), api->decode_embeddings(told, 1, {}).error(),
                                 api->decode_models(told, {}).error(), api->decode_model(told, {}).error(),
                                 api->decode_moderation(told, {}).error()}) {
        EXPECT_EQ(failure.text(), "bad key ***");
        EXPECT_EQ(failure, errc::unauthenticated);
        EXPECT_EQ(failure.body().find("secret"), std::string_view::npos);
    }
}

struct preset {
    compatible server;
    std::string_view name;
    std::string_view url;
    std::string_view key;  // the variable
};
std::vector<preset> presets() {
    const environment full = &full_environment;
    return {{ollama(full), "ollama", "http://gpu-box:9999/v1", ""},
            {vllm(), "vllm", "http://localhost:8000/v1", ""},
            {llama_cpp(), "llama_cpp", "http://localhost:8080/v1", ""},
            {lm_studio(), "lm_studio", "http://localhost:1234/v1", ""},
            {groq(full), "groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
            {deepseek(full), "deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY"},
            {openrouter(full), "openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
            {mistral(full), "mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
            {gemini(full), "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"}};
}

TEST(compatible_presets, know_their_address_and_their_own_key_only) {
    for (const auto& [server, name, url, key] : presets()) {
        const auto request = encoded(server);
        EXPECT_EQ(server.make()->name(), name);
        EXPECT_EQ(request.origin.to_string() + request.target, std::string(url) + "/chat/completions");
        EXPECT_EQ(request.headers.get("Authorization"), key.empty() ? "" : "Bearer " + std::string(key));
        EXPECT_EQ(request.headers.block().find("OPENAI"), std::string::npos);
        EXPECT_FALSE(request.headers.contains("OpenAI-Organization"));
    }
}

TEST(compatible_presets, refuse_calls_to_services_without_a_key) {
    using make = compatible (*)(environment);
    const std::pair<make, const char*> services[] = {{&groq, "GROQ_API_KEY"},
                                                     {&deepseek, "DEEPSEEK_API_KEY"},
                                                     {&openrouter, "OPENROUTER_API_KEY"},
                                                     {&mistral, "MISTRAL_API_KEY"},
                                                     {&gemini, "GEMINI_API_KEY"}};
    for (const auto& [service, variable] : services) {
        const auto checked = service(empty_environment).check();
        ASSERT_FALSE(checked) << variable;
        EXPECT_EQ(checked.error().param(), "api_key");
        EXPECT_NE(checked.error().text().find(variable), std::string_view::npos) << checked.error().text();
    }
    EXPECT_TRUE(ollama(empty_environment).check());
}

TEST(compatible_presets, take_the_same_program) {
    const chat_request request = chat_request("m")
                                     .developer("Be terse.")
                                     .user("hi")
                                     .max_completion_tokens(10)
                                     .temperature(0.5)
                                     .seed(1)
                                     .store(false)
                                     .end_user("u");
    for (const preset& each : presets()) {
        const auto sent = body(each.server, request);
        EXPECT_EQ(sent["messages"][0]["role"], "system") << each.name;
        const bool knows_new_name =
            each.name == "vllm" || each.name == "groq" || each.name == "openrouter" || each.name == "gemini";
        EXPECT_EQ(sent[knows_new_name ? "max_completion_tokens" : "max_tokens"], 10) << each.name;
        EXPECT_EQ(sent.contains("max_tokens") && sent.contains("max_completion_tokens"), false) << each.name;
        EXPECT_EQ(sent[each.name == "mistral" ? "random_seed" : "seed"], 1) << each.name;
    }
}

TEST(compatible_presets, refuse_the_parts_that_their_server_has_not) {
    const content data = content().image("data:image/png;base64,AAAA");
    const content address = content().image("https://x/y.png");
    const content sound = content().audio("AAAA", "wav");
    const content file = content().file("a.pdf", "data:application/pdf;base64,AAAA");
    const auto path = [](const char* part) { return "messages[0].content[0]." + std::string(part); };
    // In the order of `presets`, and of the four above: + for what is sent.
    const std::string_view taken[] = {"+-+-", "++++", "++++", "++--", "++--", "----", "++++", "++++", "++++"};
    std::size_t next = 0;
    for (const preset& each : presets()) {
        const auto refusal = [&](const content& part) { return refused(each.server, chat_request("m").user(part)); };
        const std::string_view row = taken[next++];
        EXPECT_EQ(refusal(data), row[0] == '+' ? "" : path("image_url")) << each.name;
        EXPECT_EQ(refusal(address), row[1] == '+' ? "" : path(row[0] == '+' ? "image_url.url" : "image_url"))
            << each.name;
        EXPECT_EQ(refusal(sound), row[2] == '+' ? "" : path("input_audio")) << each.name;
        EXPECT_EQ(refusal(file), row[3] == '+' ? "" : path("file")) << each.name;
        EXPECT_EQ(refusal(content().image_id("file-1")), path(row[0] == '+' ? "image_url.file_id" : "image_url"))
            << each.name;
    }
}

TEST(compatible_presets, groq_refuses_what_the_server_answers_with_400) {
    const auto server = groq(full_environment);
    EXPECT_EQ(refused(server, hello().logprobs()), "logprobs");
    EXPECT_EQ(refused(server, hello().logprobs().top_logprobs(2)), "logprobs");
    EXPECT_EQ(refused(server, hello().logit_bias(1, 1)), "logit_bias");
    EXPECT_EQ(refused(server, hello().n(2)), "n");
    EXPECT_EQ(refused(server, hello().n(1)), "");
    const auto answer = message::assistant("x").native({"openai", R"({"executed_tools":[1]})"});
    EXPECT_FALSE(body(server, hello().add(answer))["messages"][1].contains("executed_tools"));
    EXPECT_FALSE(body(server, chat_request("m").add(message::user("hi").name("bob")))["messages"][0].contains("name"));
}

TEST(compatible_presets, mistral_gets_its_own_words) {
    const auto server = mistral(full_environment);
    EXPECT_EQ(refused(server, hello().logprobs()), "logprobs");
    EXPECT_EQ(refused(server, hello().verbosity("low")), "verbosity");
    EXPECT_EQ(refused(server, hello().web_search()), "web_search_options");
    EXPECT_EQ(refused(server, hello().moderation("m")), "moderation");
    const auto sent = body(server, chat_request("m")
                                       .user(content().text("hi").cache_breakpoint())
                                       .tool_choice(tool_choice::required())
                                       .store()
                                       .end_user("u")
                                       .prompt_cache("explicit", "30m")
                                       .prompt_cache_retention("24h"));
    EXPECT_EQ(sent, nlohmann::json::parse(R"({"model":"m","tool_choice":"any",
        "messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]})"));
    std::size_t next = 0;
    const auto embeddings =
        server.make()->encode_embeddings(embedding_request("mistral-embed").input("x").dimensions(8), next);
    ASSERT_TRUE(embeddings);
    EXPECT_EQ(embeddings->body, R"({"model":"mistral-embed","input":["x"],"output_dimension":8})");
    const auto stream = server.make()->encode_stream(hello());
    ASSERT_TRUE(stream);
    EXPECT_FALSE(nlohmann::json::parse(stream->body).contains("stream_options"));
}

TEST(compatible_presets, llama_cpp_gets_the_schema_beside_its_type) {
    const auto sent =
        body(llama_cpp(), hello().response_format(response_format::json_schema("p", {{"type", "object"}})));
    EXPECT_EQ(sent["response_format"]["schema"]["type"], "object");
}

TEST(compatible, splits_thinking_from_the_content_whole_and_streamed) {
    const auto api = compatible("https://llm.example/v1", openai_quirks().think_tags()).make();
    const auto whole = api->decode(
        http::response{200, {}, R"({"choices":[{"message":{"content":"<think>Hm.</think>\n42"}}]})", {}}, {});
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->reasoning(), "Hm.");
    EXPECT_EQ(whole->text(), "42");

    const auto decoder = api->make_stream_decoder();
    chat_accumulator into;
    for (const char* piece : {"<thi", "nk>H", "m.</", "think>\\n4", "2"}) {
        const std::string chunk = R"({"choices":[{"delta":{"content":")" + std::string(piece) + "\"}}]}";
        ASSERT_TRUE(decoder->read(sse::event{{}, chunk}, into));
    }
    EXPECT_EQ(into.message_of(0).reasoning, "Hm.");
    EXPECT_EQ(into.message_of(0).content, "42");
}

TEST(compatible_presets, leave_tags_in_the_content_unless_told) {
    for (const compatible& each : {ollama(full_environment), vllm(), llama_cpp(), lm_studio(), groq(full_environment),
                                   deepseek(full_environment), openrouter(full_environment), mistral(full_environment),
                                   gemini(full_environment)}) {
        EXPECT_FALSE(each.quirks().has_think_tags());
    }
}

}  // namespace

}  // namespace compatible_tests
