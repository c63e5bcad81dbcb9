// A conversation on the terminal: answers appear as they are written, thinking is dimmed, Ctrl-C ends an answer and not
// the conversation, Ctrl-D ends the program.
//   chat [--provider NAME] [--base-url URL] [--model NAME] [--mock] [--http2]
// The provider is openai (the default), responses (OpenAI's other API), anthropic, azure, ollama, vllm, llama_cpp,
// lm_studio, groq, deepseek, openrouter, mistral, gemini, or compatible (any server of OpenAI's format, at the base
// URL); its key comes from the environment. --mock talks to a mock server of its own, which thinks for a moment and
// repeats what it is told.
#include <chorus/chorus.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace {

struct settings {
    std::string provider = "openai";
    std::string base_url = {};  // empty: the provider's own
    std::string model = "gpt-4o-mini";
    bool mock = false;
    bool http2 = false;
};

settings parse(int count, char** words) {
    settings wanted;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = words[i];
        const auto value = [&]() -> std::string {
            if (++i == count) throw std::invalid_argument(std::string(word) + " needs a value");
            return words[i];
        };
        if (word == "--provider") {
            wanted.provider = value();
        } else if (word == "--base-url") {
            wanted.base_url = value();
        } else if (word == "--model") {
            wanted.model = value();
        } else if (word == "--mock") {
            wanted.mock = true;
        } else if (word == "--http2") {
            wanted.http2 = true;
        } else {
            throw std::invalid_argument("chat does not know " + std::string(word));
        }
    }
    return wanted;
}

using provider_pointer = std::shared_ptr<const chorus::provider>;

// A server of OpenAI's format, at its own URL unless another is given.
provider_pointer at(const std::string& url, chorus::compatible server) {
    return url.empty() ? server.make() : server.base_url(url).make();
}

// Azure has no URL of its own; without a version in OPENAI_API_VERSION it is the API that needs none.
provider_pointer azure_at(const std::string& url) {
    chorus::azure resource;
    if (!url.empty()) resource.endpoint(url);
    return resource.v1(std::getenv("OPENAI_API_VERSION") == nullptr).make();
}

// The one line that differs from provider to provider.
provider_pointer provider_of(const std::string& name, const std::string& url) {
    static const std::map<std::string, std::function<provider_pointer(const std::string&)>> known = {
        {"openai", [](const auto& url) { return chorus::openai().base_url(url).make(); }},
        {"responses", [](const auto& url) { return chorus::openai_responses(chorus::openai().base_url(url)); }},
        {"anthropic", [](const auto& url) { return chorus::anthropic().base_url(url).make(); }},
        {"azure", [](const auto& url) { return azure_at(url); }},
        {"ollama", [](const auto& url) { return at(url, chorus::ollama()); }},
        {"vllm", [](const auto& url) { return at(url, chorus::vllm()); }},
        {"llama_cpp", [](const auto& url) { return at(url, chorus::llama_cpp()); }},
        {"lm_studio", [](const auto& url) { return at(url, chorus::lm_studio()); }},
        {"groq", [](const auto& url) { return at(url, chorus::groq()); }},
        {"deepseek", [](const auto& url) { return at(url, chorus::deepseek()); }},
        {"mistral", [](const auto& url) { return at(url, chorus::mistral()); }},
        {"openrouter", [](const auto& url) { return at(url, chorus::openrouter()); }},
        {"gemini", [](const auto& url) { return at(url, chorus::gemini()); }},
        {"compatible", [](const auto& url) { return chorus::compatible(url).make(); }},
    };
    const auto found = known.find(name);
    if (found == known.end()) throw std::invalid_argument("there is no provider " + name);
    return found->second(url);
}

// What is dim on a terminal is plain in a file.
void print(std::string_view text, bool dim) {
    static const bool is_terminal = ::isatty(STDOUT_FILENO) == 1;
    if (dim && is_terminal) {
        std::cout << "\x1b[2m" << text << "\x1b[22m" << std::flush;
    } else {
        std::cout << text << std::flush;
    }
}

using outcome = chorus::result<chorus::chat_response>;

chorus::awaitable<outcome> show(chorus::chat_stream answer) {
    bool was_thinking = false;
    const auto say = [&was_thinking](std::string_view text) {
        if (std::exchange(was_thinking, false)) std::cout << '\n';
        print(text, false);
    };
    const auto show_event = [&](const chorus::chat_event& event) {
        if (const auto* thought = std::get_if<chorus::reasoning_event>(&event)) {
            print(thought->text, true);
            was_thinking = true;
        } else if (const auto* piece = std::get_if<chorus::text_event>(&event)) {
            say(piece->text);
        } else if (const auto* refused = std::get_if<chorus::refusal_event>(&event)) {
            say(refused->text);
        }
    };
    co_return co_await answer.try_for_each(show_event);
}

void prompt() {
    print("> ", true);
}

// Ctrl-C cancels the answer that is being written. Where there is none, the terminal has dropped the line that was being
// typed, and another begins.
class interruption {
 public:
    explicit interruption(const chorus::executor& here) : signals_(here, SIGINT) { listen(); }
    void cancels(chorus::task<outcome>* answer) { answer_ = answer; }

 private:
    void listen() {
        signals_.async_wait([this](const boost::system::error_code& failure, int) {
            if (failure) return;
            if (answer_ != nullptr) {
                answer_->cancel();
            } else {
                std::cout << '\n';
                prompt();
            }
            listen();
        });
    }

    boost::asio::signal_set signals_;
    chorus::task<outcome>* answer_ = nullptr;
};

// Adds a question and its answer to the conversation. An answer that Ctrl-C or a failure ends early stays in it as far
// as it came; a question without any answer does not, because two in a row are no conversation.
chorus::awaitable<void> answer(chorus::client& llm, chorus::chat_request& conversation, std::string question,
                               interruption& ctrl_c) {
    chorus::chat_request asked = conversation;
    asked.user(std::move(question));
    auto showing = co_await chorus::spawn(show(llm.stream(asked)));
    ctrl_c.cancels(&showing);
    const auto whole = co_await showing.join();
    ctrl_c.cancels(nullptr);
    std::cout << '\n';
    if (!whole && whole.error() != chorus::condition::cancelled) std::cout << '[' << whole.error().message() << "]\n";
    if (whole) {
        if (whole->choices().empty()) co_return;
        asked.add(whole->choices().front().message.to_message());
    } else {
        const chorus::chat_response* const part = whole.error().partial();
        if (part == nullptr || part->text().empty()) co_return;
        // Its text alone. Thinking that was cut off is no use to a server: Anthropic signs it at its end and takes none
        // without a signature, and to the others it would be half a thought.
        asked.assistant(part->text());
    }
    conversation = std::move(asked);
}

// Reading from a terminal blocks: not on the loop.
chorus::awaitable<std::optional<std::string>> read_line() {
    const auto read = []() -> std::optional<std::string> {
        std::string line;
        if (!std::getline(std::cin, line)) return std::nullopt;
        return line;
    };
    co_return co_await chorus::offload(read);
}

chorus::awaitable<void> co_main(settings wanted) {
    std::optional<chorus::testing::mock_server_thread> server;
    std::shared_ptr<const chorus::provider> api;
    if (wanted.mock) {
        server.emplace(chorus::testing::mock_options()
                           .plain()
                           .http2(wanted.http2)
                           .stream_interval(std::chrono::milliseconds(5))
                           .thinking("Let me see what was said."));
        api = chorus::openai().base_url(server->base_url()).api_key("").make();
    } else {
        api = provider_of(wanted.provider, wanted.base_url);
    }
    const auto here = co_await chorus::this_coro::executor;
    const auto protocol = wanted.http2 ? chorus::http::protocol::http2 : chorus::http::protocol::negotiate;
    chorus::client llm(here, api, chorus::client_options().protocol(protocol));
    interruption ctrl_c(here);

    chorus::chat_request conversation(wanted.model);
    for (;;) {
        prompt();
        const auto line = co_await read_line();
        if (!line) break;
        if (line->empty()) continue;
        co_await answer(llm, conversation, *line, ctrl_c);
    }
    std::cout << '\n' << conversation.messages().size() << " messages\n";
}

}  // namespace

int main(int count, char** words) {
    try {
        return chorus::run(co_main(parse(count, words)), {.handle_signals = false});
    } catch (const std::invalid_argument& problem) {
        std::cerr << problem.what() << '\n';
        return 2;
    } catch (const std::exception& problem) {
        std::cerr << problem.what() << '\n';
        return 1;
    }
}
