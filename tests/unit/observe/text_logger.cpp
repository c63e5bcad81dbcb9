#include <chorus/observe/text_logger.hpp>

#include <boost/asio/error.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

namespace chorus::text_logger_tests {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct log_test : ::testing::Test {
    text_logger logger(log_level level = log_level::everything) {
        return text_logger([this](std::string_view line) { lines.emplace_back(line); }, level);
    }
    std::string end_line(const call_info& of, const call_end& end) {
        logger().on_end(of, end);
        return lines.back();
    }

    std::vector<std::string> lines;
    http::origin server{true, "api.openai.com", 443};
    call_info call{.id = 7, .operation = "chat", .provider = "openai", .model = "gpt-4o-mini", .server = &server};
    error limited = [] {
        error made(errc::rate_limited, "Rate limit reached");
        made.phase(phase::status).http_status(429).type("requests").provider_code("rate_limit_exceeded");
        return made;
    }();
};

TEST_F(log_test, writes_a_line_for_everything_that_happens) {
    usage tokens;
    tokens.prompt_tokens = 12;
    tokens.completion_tokens = 340;
    const http::timing timing{.dns = 1ms, .connect = 10ms, .tls = 24500us};
    auto log = logger();
    log.on_call(call);
    log.on_server_limit(limit_event::held, {.server = &server, .model = call.model, .call = &call});
    log.on_limited(call, 1500us);
    log.on_server_limit(limit_event::paused, {.server = &server, .model = call.model, .wait = 2s});
    log.on_server_limit(limit_event::concurrency_changed, {.server = &server, .model = call.model, .concurrency = 44});
    log.on_server_limit(limit_event::circuit_half_opened, {.server = &server});
    log.on_connection(connection_event::opened, {.server = &server, .timing = &timing});
    log.on_attempt(call, 1);
    log.on_first_byte(call, 230ms);
    log.on_first_token(call, 240ms);
    log.on_retry(call, limited, 800ms);
    log.on_end(call, {.tokens = &tokens,
                      .model = "gpt-4o-mini-2024-07-18",
                      .finish_reason = "stop",
                      .request_id = "req_1",
                      .total = 812400us,
                      .queued = 2ms,
                      .first_token = 240ms,
                      .attempts = 2});
    EXPECT_THAT(
        lines,
        ElementsAre("call 7 chat openai gpt-4o-mini called", "call 7 chat openai gpt-4o-mini held",
                    "call 7 chat openai gpt-4o-mini let through waited_ms=1.5",
                    "limits of https://api.openai.com:443 gpt-4o-mini paused wait_ms=2000",
                    "limits of https://api.openai.com:443 gpt-4o-mini concurrency changed concurrency=44",
                    "limits of https://api.openai.com:443 circuit half opened",
                    "connection to https://api.openai.com:443 opened dns_ms=1 connect_ms=10 tls_ms=24.5",
                    "call 7 chat openai gpt-4o-mini attempt 1 to https://api.openai.com:443",
                    "call 7 chat openai gpt-4o-mini first byte since_sent_ms=230",
                    "call 7 chat openai gpt-4o-mini first token since_call_ms=240",
                    "call 7 chat openai gpt-4o-mini retries in_ms=800 error=rate_limited phase=status status=429 "
                    "type=requests code=rate_limit_exceeded",
                    "call 7 chat openai gpt-4o-mini ok total_ms=812.4 queued_ms=2 first_token_ms=240 attempts=2 "
                    "tokens_in=12 tokens_out=340 answered_by=\"gpt-4o-mini-2024-07-18\" finish=\"stop\" "
                    "request_id=\"req_1\""));
}

TEST_F(log_test, each_level_says_what_those_before_it_do) {
    const auto count = [this](log_level level) {
        lines.clear();
        auto log = logger(level);
        log.on_call(call);
        log.on_limited(call, 1ms);
        log.on_attempt(call, 1);
        log.on_first_byte(call, 1ms);
        log.on_first_token(call, 1ms);
        log.on_connection(connection_event::closed, {.server = &server});
        log.on_end(call, {});                                              // calls
        log.on_retry(call, limited, 1ms);                                  // errors
        log.on_end(call, {.failure = &limited});                           // errors
        log.on_connection(connection_event::failed, {.server = &server});  // errors
        log.on_server_limit(limit_event::held, {.server = &server});
        log.on_server_limit(limit_event::paused, {.server = &server});          // errors
        log.on_server_limit(limit_event::circuit_opened, {.server = &server});  // errors
        return lines.size();
    };
    EXPECT_EQ(count(log_level::none), 0u);
    EXPECT_EQ(count(log_level::errors), 5u);
    EXPECT_EQ(count(log_level::calls), 6u);
    EXPECT_EQ(count(log_level::everything), 13u);
}

TEST_F(log_test, no_secret_is_in_any_line) {
    const std::string key = "sk-proj-abcdefghij0123456789";
    const std::string opaque = "AbCdEfGh0123456789XyZ";  // an Azure key has no prefix
    const std::string prompt = "my diagnosis";
    http::origin leaky{true, "user:" + opaque + "@host.example/path?key=" + key, 8443};
    error failure(errc::unauthenticated, "Incorrect API key provided: " + key + ". You said: " + prompt);
    failure.type(key).provider_code(opaque).param(prompt).body("{\"messages\":\"" + prompt + key + "\"}");
    failure.cause("GET https://user:hunter2@proxy/?api_key=" + opaque + " Bearer " + key);
    call.server = &leaky;
    auto log = logger();
    for (int where = 0; where <= static_cast<int>(phase::status); ++where) {
        failure.phase(static_cast<phase>(where)).http_status(401);
        log.on_attempt(call, 1);
        log.on_retry(call, failure, 1ms);
        log.on_end(call, {.failure = &failure});
        log.on_connection(connection_event::failed, {.server = &leaky, .failure = &failure});
        log.on_server_limit(limit_event::refused, {.server = &leaky, .call = &call, .failure = &failure});
        log.on_server_limit(limit_event::paused, {.server = &leaky});
        const error foreign = error::from_exception(std::make_exception_ptr(std::runtime_error(key + prompt)));
        log.on_end(call, {.failure = &foreign});
    }
    ASSERT_EQ(lines.size(), 7u * (static_cast<std::size_t>(phase::status) + 1));
    for (const auto& line : lines) {
        for (const std::string& secret : {key, opaque, prompt, std::string("hunter2"), std::string("abcdefghij"),
                                          std::string("Incorrect"), std::string("user:"), std::string("/path")}) {
            EXPECT_THAT(line, Not(HasSubstr(secret)));
        }
    }
    EXPECT_THAT(lines.front(), HasSubstr("attempt 1 to https://host.example:8443"));
}

TEST_F(log_test, says_why_a_connection_failed) {
    error failure(errc::certificate_rejected);
    failure.phase(phase::tls).cause("unable to get local issuer certificate (api.openai.com)");
    logger().on_connection(connection_event::failed, {.server = &server, .failure = &failure});
    EXPECT_EQ(lines.back(),
              "connection to https://api.openai.com:443 failed error=certificate_rejected phase=tls "
              "cause=\"unable to get local issuer certificate (api.openai.com)\"");
}

TEST_F(log_test, one_event_is_one_printable_line) {
    const std::string odd = "a\nb\r\tc\x1b[31m\"\\\x7f\xff\xc2\x85\u2028\u00e9";
    call.model = call.operation = call.provider = odd;
    for (const std::string& line :
         {end_line(call, {.model = "x\ny", .finish_reason = odd, .request_id = odd}), end_line(call, {})}) {
        EXPECT_THAT(line, HasSubstr("a\\x0ab\\x0d\\x09c\\x1b[31m\\x22\\x5c\\x7f\\xff\\xc2\\x85\\xe2\\x80\\xa8\u00e9"));
        for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
    const std::string endless(100'000, 'm');
    call.model = call.operation = call.provider = endless;
    EXPECT_LT(end_line(call, {.model = odd, .finish_reason = endless, .request_id = endless}).size(), 1500u);
}

TEST_F(log_test, knows_errors_of_other_libraries_and_addresses_in_brackets) {
    const error reset(boost::asio::error::connection_reset);
    EXPECT_THAT(end_line(call, {.failure = &reset}), HasSubstr(" failed error=other total_ms=0"));
    server = {false, "::1", 8080};
    logger().on_attempt(call, 3);
    EXPECT_THAT(lines.back(), HasSubstr("attempt 3 to http://[::1]:8080"));
}

TEST_F(log_test, a_sink_that_throws_ends_nothing) {
    int calls = 0;
    text_logger log([&calls](std::string_view) {
        ++calls;
        throw std::runtime_error("disk full");
    });
    log.on_end(call, {});
    log.on_end(call, {});
    EXPECT_EQ(calls, 2);
}

TEST_F(log_test, writes_whole_lines_to_a_file) {
    std::FILE* const file = std::tmpfile();
    ASSERT_NE(file, nullptr);
    text_logger log(file);
    log.on_end(call, {});
    log.on_end(call, {});
    std::rewind(file);
    char buffer[256] = {};
    const auto got = std::fread(buffer, 1, sizeof(buffer), file);
    std::fclose(file);
    const std::string line = "call 7 chat openai gpt-4o-mini ok total_ms=0 attempts=0\n";
    EXPECT_EQ(std::string(buffer, got), line + line);
}

const char* variable;
const char* only_chorus_log(const char* name) {
    return std::string_view(name) == "CHORUS_LOG" ? variable : "everything";
}

TEST_F(log_test, the_environment_sets_the_level_only_where_it_is_asked) {
    const auto asked = [this](const char* value) {
        variable = value;
        lines.clear();
        return text_logger::from_environment(&only_chorus_log,
                                             [this](std::string_view line) { lines.emplace_back(line); });
    };
    for (const char* const silent : {static_cast<const char*>(nullptr), "", "  ", "none", "OFF"}) {
        EXPECT_EQ(asked(silent), nullptr);
    }
    EXPECT_EQ(asked("errors")->level(), log_level::errors);
    EXPECT_EQ(asked("Error")->level(), log_level::errors);
    EXPECT_EQ(asked(" info ")->level(), log_level::calls);
    EXPECT_EQ(asked("calls")->level(), log_level::calls);
    EXPECT_EQ(asked("debug")->level(), log_level::everything);
    EXPECT_THAT(lines, IsEmpty());
    EXPECT_EQ(asked("verbo\nse")->level(), log_level::calls);
    EXPECT_THAT(lines, ElementsAre(HasSubstr("CHORUS_LOG=\"verbo\\x0ase\" is none of")));
    variable = "everything";
    EXPECT_EQ(text_logger::from_environment(&only_chorus_log, stderr)->level(), log_level::everything);
}

}  // namespace
}  // namespace chorus::text_logger_tests
