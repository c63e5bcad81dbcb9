// A conversation on the terminal: answers appear as they are written, thinking is dimmed, Ctrl-C ends an answer and not
// the conversation, Ctrl-D ends the program.
//   chat [--provider NAME] [--model NAME] [--mock] [--http2]
// The provider is openai (the default), responses (OpenAI's other API), anthropic, ollama, groq, deepseek, openrouter,
// mistral or gemini; its key comes from the environment. --mock talks to a mock server of its own, which repeats what it
// is told.
#include <chorus/chorus.hpp>
#include <chorus/testing/mock_server_thread.hpp>

#include <boost/asio/signal_set.hpp>

#include <csignal>
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

// The one line that differs from provider to provider.
std::shared_ptr<const chorus::provider> provider_of(const std::string& name) {
    static const std::map<std::string, std::function<std::shared_ptr<const chorus::provider>()>> known = {
        {"openai", [] { return chorus::openai().make(); }},
        {"responses", [] { return chorus::openai_responses(); }},
        {"anthropic", [] { return chorus::anthropic().make(); }},
        {"ollama", [] { return chorus::ollama().make(); }},
        {"groq", [] { return chorus::groq().make(); }},
        {"deepseek", [] { return chorus::deepseek().make(); }},
        {"mistral", [] { return chorus::mistral().make(); }},
        {"openrouter", [] { return chorus::openrouter().make(); }},
        {"gemini", [] { return chorus::gemini().make(); }},
    };
    const auto found = known.find(name);
    if (found == known.end()) throw std::invalid_argument("there is no provider " + name);
    return found->second();
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
    const auto show_event = [&was_thinking](const chorus::chat_event& event) {
        if (const auto* thought = std::get_if<chorus::reasoning_event>(&event)) {
            print(thought->text, true);
            was_thinking = true;
        } else if (const auto* piece = std::get_if<chorus::text_event>(&event)) {
            if (std::exchange(was_thinking, false)) std::cout << '\n';
            print(piece->text, false);
        } else if (const auto* refused = std::get_if<chorus::refusal_event>(&event)) {
            print(refused->text, false);
        }
    };
    co_return co_await answer.try_for_each(show_event);
}

// Ctrl-C cancels the answer that is being written. There may be none.
class interruption {
 public:
    explicit interruption(const chorus::executor& here) : signals_(here, SIGINT) { listen(); }
    void cancels(chorus::task<outcome>* answer) { answer_ = answer; }

 private:
    void listen() {
        signals_.async_wait([this](const boost::system::error_code& failure, int) {
            if (failure) return;
            if (answer_ != nullptr) answer_->cancel();
            listen();
        });
    }

    boost::asio::signal_set signals_;
    chorus::task<outcome>* answer_ = nullptr;
};

// An answer that Ctrl-C ends early stays in the conversation as far as it came.
chorus::awaitable<void> answer(chorus::client& llm, chorus::chat_request& conversation, interruption& ctrl_c) {
    auto showing = co_await chorus::spawn(show(llm.stream(conversation)));
    ctrl_c.cancels(&showing);
    const auto whole = co_await showing.join();
    ctrl_c.cancels(nullptr);
    std::cout << '\n';
    if (whole) {
        if (!whole->choices().empty()) conversation.add(whole->choices().front().message.to_message());
        co_return;
    }
    const chorus::chat_response* const part = whole.error().partial();
    if (part != nullptr && !part->text().empty()) conversation.assistant(part->text());
    if (whole.error() != chorus::condition::cancelled) std::cout << '[' << whole.error().message() << "]\n";
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
        server.emplace(chorus::testing::mock_options().plain().http2().stream_interval(std::chrono::milliseconds(5)));
        api = chorus::openai().base_url(server->base_url()).api_key("").make();
    } else {
        api = provider_of(wanted.provider);
    }
    const auto here = co_await chorus::this_coro::executor;
    const auto protocol = wanted.http2 ? chorus::http::protocol::http2 : chorus::http::protocol::negotiate;
    chorus::client llm(here, api, chorus::client_options().protocol(protocol));
    interruption ctrl_c(here);

    chorus::chat_request conversation(wanted.model);
    for (;;) {
        print("> ", true);
        const auto line = co_await read_line();
        if (!line) break;
        if (line->empty()) continue;
        conversation.user(*line);
        co_await answer(llm, conversation, ctrl_c);
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
    }
}
