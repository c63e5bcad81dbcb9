// Pains 18, 19 and 22 to 25: what is tried again, what errors say, whom TLS trusts, limits of servers, and what leaks.
#include <chorus/async/gather.hpp>
#include <chorus/async/task.hpp>
#include <chorus/net/tls_stream.hpp>
#include <chorus/observe/text_logger.hpp>
#include <chorus/secret.hpp>
#include <chorus/testing/certificates.hpp>
#include <chorus/traffic.hpp>

#include <boost/asio/write.hpp>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <optional>
#include <sstream>

#include "pains.hpp"
#include "support/scratch_directory.hpp"
#include <malloc.h>

namespace chorus::pains::calls_tests {
namespace {

/// Gives one outcome after the other, then completions.
std::shared_ptr<fake_transport> giving(std::deque<result<http::response>> outcomes) {
    return std::make_shared<fake_transport>(
        [outcomes = std::move(outcomes)](const http::request&) mutable -> result<http::response> {
            if (outcomes.empty()) return completion();
            auto next = std::move(outcomes.front());
            outcomes.pop_front();
            return next;
        });
}

error failure(errc code, phase where) {
    error made(code);
    return made.phase(where).attempts(where == phase::connect ? 0 : 1);
}

// A 429 that says the quota is spent is sent again: langchainjs#1929, openai/codex#6340.
CHORUS_TEST(pain_18, a_spent_quota_is_not_asked_again) {
    struct {
        int status;
        const char* words;
    } const rows[] = {
        {429, R"({"error":{"message":"No money.","type":"insufficient_quota","code":null}})"},
        {429, R"({"error":{"message":"No money.","type":"requests","code":"insufficient_quota"}})"},
        {429, R"({"error":{"message":"No money.","code":"billing_hard_limit_reached"}})"},
        {429, R"({"error":{"message":"No money.","code":"credit_balance_exhausted"}})"},
        {429, R"({"error":{"message":"No money.","code":"organization_spend_limit_exceeded"}})"},
        {429, R"({"error":{"message":"No money.","code":"project_spend_limit_exceeded"}})"},
        {429, R"({"error":{"message":"No money.","code":"organization_usage_limit_exceeded"}})"},
        {429, R"({"type":"error","error":{"message":"No money.","type":"enforced_spend_limit_reached"}})"},
        {402, R"({"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}})"},
        {402, R"({"error":{"message":"Insufficient credits","code":402}})"},
        {402, R"({"type":"error","error":{"message":"No money.","type":"billing_error"}})"},
        {402, ""},
    };
    for (const auto& [status, words] : rows) {
        for (const bool is_streamed : {false, true}) {
            http::response spent = answer(status, words);
            spent.headers.add("retry-after", "1");
            spent.headers.add("x-should-retry", "true");
            const auto fake = always(spent);
            client llm = connect_to(get_executor(), fake);
            auto call = is_streamed ? read_stream(llm) : llm.try_complete(question());
            const auto reply = co_await std::move(call);
            CO_ASSERT_FALSE(reply) << words;
            EXPECT_EQ(reply.error(), condition::quota_exhausted) << words;
            EXPECT_NE(reply.error(), condition::rate_limited) << words;
            EXPECT_EQ(fake->requests.size(), 1u) << words;
            EXPECT_EQ(test_clock().elapsed(), 0s);
        }
    }
    // What only asks for patience is another matter.
    for (const char* words : {R"({"error":{"message":"Slow.","type":"insufficient_quota","code":"slow_down"}})",
                              R"({"error":{"message":"Slow.","type":"tokens","code":"rate_limit_exceeded"}})"}) {
        const auto fake = giving({answer(429, words)});
        client llm = connect_to(get_executor(), fake);
        EXPECT_TRUE(co_await llm.try_complete(question())) << words;
        EXPECT_EQ(fake->requests.size(), 2u) << words;
    }
}

// A Retry-After of days is slept: openai-node#1840, openai-python#1102.
CHORUS_TEST(pain_18, a_wait_of_days_is_told_and_not_slept) {
    http::response busy = answer(429, R"({"error":{"message":"Later.","code":"rate_limit_exceeded"}})");
    busy.headers.add("retry-after", "172800");
    const auto fake = always(busy);
    client llm = connect_to(get_executor(), fake, client_options().timeout(std::chrono::hours(999)));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), errc::rate_limited);
    EXPECT_EQ(reply.error().retry_after(), 48h);
    EXPECT_NE(reply.error().message().find("the server asks for 172800 s"), std::string::npos)
        << reply.error().message();
    EXPECT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(test_clock().elapsed(), 0s);
}

// Each attempt has a time limit and the call has none: openai-python#1102.
CHORUS_TEST(pain_18, waits_and_attempts_together_end_with_the_deadline) {
    struct {
        const char* retry_after;
        std::chrono::seconds least;  // that is waited
    } const rows[] = {{"", 10s}, {"7", 20s}, {"30", 0s}, {"25", 0s}};
    for (const auto& [retry_after, least] : rows) {
        http::response busy = answer(503, "{}");
        if (*retry_after != '\0') busy.headers.add("retry-after", retry_after);
        const auto fake = always(busy);
        client llm = connect_to(get_executor(), fake, client_options().timeout(25s).retries({.max_attempts = 1000}));
        const auto began = now(get_executor());
        const auto reply = co_await llm.try_complete(question());
        const auto took = now(get_executor()) - began;
        CO_ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error(), errc::overloaded) << reply.error().message();
        EXPECT_NE(reply.error().message().find("the deadline leaves"), std::string::npos) << reply.error().message();
        EXPECT_EQ(reply.error().history().size(), fake->requests.size());
        EXPECT_GE(took, least) << retry_after;
        EXPECT_LT(took, 25s) << retry_after;
        EXPECT_EQ(fake->requests.size() == 1, least == 0s) << retry_after;
    }
}

// Retries bill twice, and there is no way to say which are safe: pleaseai/shunt#126, ComfyUI#16204.
CHORUS_TEST(pain_19, the_level_says_what_may_be_sent_again) {
    using policy::replay_level;
    const std::pair<result<http::response>, replay_level> failures[] = {
        {failure(errc::connect_failed, phase::connect), replay_level::not_sent},
        {failure(errc::connection_lost, phase::first_byte), replay_level::no_response_bytes},
        {answer(500, "{}"), replay_level::any},
        {failure(errc::truncated, phase::read), replay_level::any},
    };
    for (const auto& [outcome, needed] : failures) {
        for (const auto level :
             {replay_level::never, replay_level::not_sent, replay_level::no_response_bytes, replay_level::any}) {
            const auto fake = giving({outcome});
            client llm = connect_to(get_executor(), fake, client_options().retries({.level = level}));
            const auto reply = co_await llm.try_complete(question());
            EXPECT_EQ(reply.has_value(), level >= needed);
            EXPECT_EQ(fake->requests.size(), level >= needed ? 2u : 1u);
        }
    }
}

CHORUS_TEST(pain_19, the_level_binds_what_the_transport_would_send_again_by_itself) {
    using policy::replay_level;
    for (const auto level :
         {replay_level::never, replay_level::not_sent, replay_level::no_response_bytes, replay_level::any}) {
        mock_server server(get_executor());
        server.script().nothing_else();
        server.expect().reply_text("first");
        server.expect().drop();
        if (level >= replay_level::no_response_bytes) server.expect().reply_text("second");
        client llm =
            connect_to(get_executor(), server,
                       client_options().protocol(http::protocol::http1).retries({.max_attempts = 1, .level = level}));
        EXPECT_EQ((co_await llm.complete(question())).text(), "first");
        const auto reply = co_await llm.try_complete(question());
        EXPECT_EQ(reply.has_value(), level >= replay_level::no_response_bytes);
        EXPECT_EQ(server.counters().requests, level >= replay_level::no_response_bytes ? 3u : 2u);
    }
}

CHORUS_TEST(pain_19, attempts_are_seen_and_share_the_key_of_the_request) {
    const auto fake = always(answer(503, "{}"));
    client llm = connect_to(get_executor(), fake);
    const auto reply = co_await llm.try_complete(question().header("Idempotency-Key", "order-7"));
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().attempts(), 3);
    EXPECT_EQ(reply.error().history().size(), 3u);
    CO_ASSERT_EQ(fake->requests.size(), 3u);
    for (const auto& sent : fake->requests) EXPECT_EQ(sent.headers.get("Idempotency-Key"), "order-7");
}

/// The error of one question to a server that is not to be reached.
awaitable<error> fail_at(executor ex, std::string base_url, client_options options) {
    options.max_attempts(1);
    client llm(ex, openai(&no_environment).base_url(base_url).api_key("sk-test"), options);
    const auto reply = co_await llm.try_complete(question());
    co_return reply ? error() : reply.error();
}

// Every cause is a "Connection error.": openai-node#1656, openai-agents-python#162.
CHORUS_REAL_TIME_TEST(pain_22, an_error_of_the_network_names_its_stage_cause_and_host) {
    mock_server tls(get_executor());
    mock_server plain(get_executor(), mock_options().plain());
    std::uint16_t closed = 0;
    {
        const mock_server gone(get_executor(), mock_options().plain());
        closed = gone.port();
    }
    const std::string nobody = "127.0.0.1:" + std::to_string(closed);
    const std::string wrong_port = "127.0.0.1:" + std::to_string(plain.port());
    const std::string label(64, 'x');  // one letter more than a name may have: no name server is asked
    struct {
        std::string base_url;
        std::string proxy;
        errc code;
        enum phase stage;
        std::string host;
        std::string cause;
    } const rows[] = {
        {"https://" + label + ".example/v1", "", errc::resolve_failed, phase::dns, label + ".example", "ame"},
        {"http://" + nobody + "/v1", "", errc::connect_failed, phase::connect, nobody, "refused"},
        {tls.base_url(), "", errc::certificate_rejected, phase::tls, "127.0.0.1", "certificate"},
        {"https://" + wrong_port + "/v1", "", errc::tls_failed, phase::tls, "127.0.0.1", "wrong version number"},
        {"https://llm.example/v1", "http://user:s3cret@" + nobody, errc::connect_failed, phase::connect, nobody,
         "proxy"},
    };
    for (const auto& row : rows) {
        client_options options;
        options.proxy(row.proxy.empty() ? policy::proxy_settings::none() : policy::proxy_settings(row.proxy));
        const error lost = co_await fail_at(get_executor(), row.base_url, options);
        EXPECT_EQ(lost, row.code) << lost.message();
        EXPECT_EQ(lost.phase(), row.stage) << lost.message();
        EXPECT_NE(lost.message().find(row.host), std::string::npos) << lost.message();
        EXPECT_NE(lost.message().find(row.cause), std::string::npos) << lost.message();
        EXPECT_EQ(lost.message().find("s3cret"), std::string::npos) << lost.message();
        EXPECT_EQ(lost.message().find("sk-test"), std::string::npos) << lost.message();
    }
}

/// Sets a variable of the environment for as long as it lives.
class environment_variable {
 public:
    environment_variable(const char* name, const std::string& value) : name_(name) {
        if (const char* old = std::getenv(name)) old_ = old;
        ::setenv(name, value.c_str(), 1);
    }
    ~environment_variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }

 private:
    const char* name_;
    std::optional<std::string> old_;
};

// Behind a company's proxy users end up switching verification off: openai-python#1529, #825,
// olrea/openai-cpp#11.
CHORUS_TEST(pain_23, a_private_authority_is_added_and_nothing_is_switched_off) {
    mock_server server(get_executor());
    const testing_support::scratch_directory files;
    const std::string ca = files.write("ca.pem", server.ca_pem());
    const auto none = policy::proxy_settings::none();
    const error refused = co_await fail_at(get_executor(), server.base_url(), client_options().proxy(none));
    EXPECT_EQ(refused, errc::certificate_rejected);
    EXPECT_EQ(server.counters().requests, 0u) << "no key went to a server that is not known";
    const net::tls_options trusting[] = {net::tls_options().ca_pem(server.ca_pem()), net::tls_options().ca_file(ca),
                                         net::tls_options().dangerously_disable_verification()};
    for (const auto& tls : trusting) {
        const error none_left =
            co_await fail_at(get_executor(), server.base_url(), client_options().proxy(none).tls(tls));
        EXPECT_FALSE(none_left.code()) << none_left.message();
    }
    // In a directory, OpenSSL finds an authority by the hash of its name.
    const std::unique_ptr<BIO, int (*)(BIO*)> text(
        BIO_new_mem_buf(server.ca_pem().data(), static_cast<int>(server.ca_pem().size())), &BIO_free);
    const std::unique_ptr<X509, void (*)(X509*)> authority(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                                           &X509_free);
    char name[32];
    std::snprintf(name, sizeof name, "%08lx.0",
                  X509_NAME_hash_ex(X509_get_subject_name(authority.get()), nullptr, nullptr, nullptr));
    files.write(name, server.ca_pem());
    for (const auto& [variable, place] : {std::pair("SSL_CERT_FILE", ca), std::pair("SSL_CERT_DIR", files.path())}) {
        const environment_variable named(variable, place);
        const error none_left = co_await fail_at(get_executor(), server.base_url(), client_options().proxy(none));
        EXPECT_FALSE(none_left.code()) << variable << ": " << none_left.message();
    }
}

/// Serves each connection one answer, if its client shows a certificate that the server trusts.
awaitable<void> serve_friends(asio::ip::tcp::acceptor& door, net::tls_context identity, int connections) {
    const http::response made = completion();
    const std::string whole =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(made.body.size()) + "\r\n\r\n" +
        made.body;
    for (; connections > 0; --connections) {
        asio::ip::tcp::socket accepted = co_await door.async_accept(use_awaitable);
        const auto end = net::tls_stream::server(std::move(accepted), identity);
        const auto done = co_await end->handshake();
        std::string request(64 * 1024, '\0');
        if (done) co_await end->async_read_some(asio::buffer(request), use_awaitable);
        if (done) co_await asio::async_write(*end, asio::buffer(whole), use_awaitable);
    }
}

// A gateway that asks for a certificate cannot be used at all: openai-python#825.
CHORUS_REAL_TIME_TEST(pain_23, a_client_shows_the_certificate_that_its_server_asks_for) {
    using usage = testing::certificate_options::usage;
    const testing::certificate_authority authority;
    const auto gateway = authority.issue();
    const auto friendly = authority.issue(testing::certificate_options().extended_usage(usage::client));
    auto demanding = net::tls_options();
    demanding.certificate_chain_pem(gateway.certificate_pem())
        .private_key_pem(gateway.private_key_pem())
        .ca_pem(authority.pem())
        .require_client_certificate();
    asio::ip::tcp::acceptor door(get_executor(), {asio::ip::address_v4::loopback(), 0});
    auto serving = spawn(get_executor(), serve_friends(door, net::tls_context::server(demanding).value(), 2));
    const std::string base_url = "https://127.0.0.1:" + std::to_string(door.local_endpoint().port()) + "/v1";
    for (const bool has_certificate : {false, true}) {
        auto identity = net::tls_options();
        identity.ca_pem(authority.pem());
        if (has_certificate) {
            identity.certificate_chain_pem(friendly.certificate_pem()).private_key_pem(friendly.private_key_pem());
        }
        const error failed = co_await fail_at(get_executor(), base_url,
                                              client_options().proxy(policy::proxy_settings::none()).tls(identity));
        EXPECT_EQ(!failed.code(), has_certificate) << failed.message();
        if (has_certificate) continue;
        EXPECT_EQ(failed, errc::tls_failed) << failed.message();
        EXPECT_NE(failed.message().find("certificate required"), std::string::npos) << failed.message();
    }
    co_await std::move(serving);
}

// The headers of rate limits are not exposed: vercel/ai#5223, mistralai/client-ts#169.
CHORUS_TEST(pain_24, the_headers_of_limits_are_read) {
    http::response told = completion();
    told.headers.add("x-ratelimit-limit-requests", "600");
    told.headers.add("x-ratelimit-remaining-tokens", "149984");
    told.headers.add("x-ratelimit-reset-tokens", "6m0s");
    client llm = connect_to(get_executor(), always(told));
    const auto limits = (co_await llm.complete(question())).rate_limits();
    EXPECT_EQ(limits.requests.limit, 600);
    EXPECT_EQ(limits.tokens.remaining, 149984);
    EXPECT_EQ(limits.tokens.reset, 6min);
    EXPECT_FALSE(limits.input_tokens.known());
}

// Tokens per minute are exceeded under concurrency: openai-python#416, litellm#5783.
CHORUS_TEST(pain_24, calls_at_once_keep_within_the_tokens_of_a_minute) {
    const executor ex = get_executor();
    clock::time_point window{};
    std::int64_t tokens = 0;
    std::size_t refused = 0;
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) {
        if (now(ex) >= window + 60s) {
            window = now(ex);
            tokens = 0;
        }
        tokens += 25;  // as the usage of `completion` says
        if (tokens <= 2000) return completion();
        ++refused;
        return answer(429, "{}");
    });
    const auto control = std::make_shared<traffic_control>(ex, traffic_options{.tokens_per_minute = 2000});
    client llm = connect_to(ex, fake, client_options().gate(control).max_attempts(1).timeout(1h));
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 400; ++i) calls.push_back(llm.try_complete(question().max_tokens(20)));
    const auto replies = co_await gather(std::move(calls));
    for (const auto& reply : replies) EXPECT_TRUE(reply);
    EXPECT_EQ(refused, 0u);
    EXPECT_EQ(fake->requests.size(), 400u);
    EXPECT_GE(test_clock().elapsed(), 3min) << "400 calls of 25 tokens, 2000 a minute";
}

// What a server allows has to be configured by hand, and is wrong from then on: litellm#5783.
CHORUS_TEST(pain_24, limits_are_learnt_from_headers_and_kept_by_calls_at_once) {
    const executor ex = get_executor();
    clock::time_point window{};
    int asked = 0;
    std::size_t refused = 0;
    const auto fake = std::make_shared<fake_transport>([&](const http::request&) {
        if (now(ex) >= window + 60s) {
            window = now(ex);
            asked = 0;
        }
        const bool is_refused = ++asked > 120;
        if (is_refused) ++refused;
        http::response reply = is_refused ? answer(429, "{}") : completion();
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(window + 60s - now(ex));
        reply.headers.add("x-ratelimit-limit-requests", "120");
        reply.headers.add("x-ratelimit-remaining-requests", std::to_string(std::max(0, 120 - asked)));
        reply.headers.add("x-ratelimit-reset-requests", std::to_string(left.count()) + "s");
        return reply;
    });
    const auto control = std::make_shared<traffic_control>(ex);  // nobody told it anything
    client llm = connect_to(ex, fake, client_options().gate(control).max_attempts(1).timeout(1h));
    std::vector<awaitable<result<chat_response>>> calls;
    for (int i = 0; i < 500; ++i) calls.push_back(llm.try_complete(question()));
    const auto replies = co_await gather(std::move(calls));
    for (const auto& reply : replies) EXPECT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(refused, 0u);
    EXPECT_EQ(fake->requests.size(), 500u);
    EXPECT_GE(test_clock().elapsed(), 2min);
    EXPECT_LE(test_clock().elapsed(), 5min) << "and no slower than it must";
}

// API keys are in logs: openai-python#1196, #1082.
CHORUS_TEST(pain_25, the_key_is_printed_nowhere) {
    const std::string key = "sk-proj-1234567890-very-secret";
    std::string seen;
    const auto logger = std::make_shared<text_logger>(
        [&seen](std::string_view line) { seen.append(line).append("\n"); }, log_level::everything);
    // Some servers repeat the key that they refuse.
    const auto fake = always(answer(401, R"({"error":{"message":"Incorrect API key provided: )" + key +
                                             R"(","type":"invalid_request_error","code":"invalid_api_key"}})"));
    client llm(get_executor(), openai(&no_environment).api_key(key), fake, client_options().observer(logger));
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error(), condition::authentication);
    const auto broken = openai(&no_environment).api_key(key + "\n" + key).check();
    CO_ASSERT_FALSE(broken);
    std::ostringstream printed;
    printed << secret(key) << reply.error().message() << reply.error().text() << reply.error().body() << seen
            << broken.error().message();
    EXPECT_NE(seen.find("failed"), std::string::npos) << seen;
    EXPECT_EQ(printed.str().find(key), std::string::npos) << printed.str();
    CO_ASSERT_EQ(fake->requests.size(), 1u);
    EXPECT_EQ(fake->requests[0].headers.get("Authorization"), "Bearer " + key);
}

// Bad UTF-8 ends the process: llama.cpp#9195, nlohmann/json#1195.
CHORUS_TEST(pain_25, text_that_is_not_utf8_ends_no_program) {
    const auto fake =
        always(completion("{\"content\":\"a\xff"
                          "b\"}"));
    client llm = connect_to(get_executor(), fake);
    const auto reply = co_await llm.try_complete(question());
    CO_ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text(), "a\ufffdb");
    const auto refused = co_await llm.try_complete(chat_request("m").user("caf\xe9"));
    CO_ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::invalid_argument);
    EXPECT_NE(refused.error().message().find("UTF-8 at byte 3"), std::string::npos) << refused.error().message();
    EXPECT_EQ(fake->requests.size(), 1u);
    client streamed = connect_to(get_executor(), streaming({openai_stream({"a\xff"
                                                                           "b"})}));
    auto stream = streamed.stream(question());
    const auto whole = co_await stream.try_finish();
    CO_ASSERT_TRUE(whole) << whole.error().message();
    EXPECT_EQ(whole->text(), "a\ufffdb");
}

// Memory grows while a stream is consumed slowly: openai-python#820, litellm#12685.
CHORUS_TEST(pain_25, a_slow_reader_holds_the_server_back_and_not_the_memory) {
    mock_server server(get_executor(), mock_options().stream_chunks(40'000).stream_chunk_bytes(1000));
    client llm = connect_to(get_executor(), server);
    auto stream = llm.stream(question());
    std::uint64_t before = 0;
    for (int i = 0; i < 5; ++i) {
        const auto event = co_await stream.try_next();
        CO_ASSERT_TRUE(event);
        co_await sleep_for(10s);  // all that is ready runs first
        const std::uint64_t sent = server.counters().chunks;
        EXPECT_TRUE(i == 0 || sent == before) << "full is full";
        before = sent;
    }
    EXPECT_LT(before, 20'000u) << "the buffers of the system, far less than the 40 MB";
}

// The sanitizer has a heap of its own, and looks for leaks itself.
#if !defined(__SANITIZE_ADDRESS__) && defined(__GLIBC__)
// Memory grows with every call: openai-python#1181, anthropic-sdk-python#150.
CHORUS_TEST(pain_25, calls_leave_no_memory_behind) {
    const auto fake = always(completion());
    client llm = connect_to(get_executor(), fake);
    std::vector<std::size_t> held;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 500; ++i) CO_ASSERT_TRUE(co_await llm.try_complete(question(i)));
        fake->requests = {};  // the double keeps them for its test
        held.push_back(::mallinfo2().uordblks);
    }
    EXPECT_LT(held[3], held[1] + 64 * 1024) << "1000 calls more, and less than 64 bytes of each";
}
#endif

// Dropped streams leave connections behind until the program has no descriptors: openai-python#1181, #1246.
CHORUS_TEST(pain_25, streams_that_are_dropped_leave_nothing_open) {
    mock_server server(get_executor(), mock_options().plain().stream_chunks(100).stream_interval(1s));
    client llm = connect_to(get_executor(), server, client_options().max_connections(10));
    for (int i = 0; i < 100; ++i) {
        auto stream = llm.stream(question(i));
        const auto event = co_await stream.try_next();
        CO_ASSERT_TRUE(event) << i << ": " << event.error().message();
    }
    co_await sleep_for(5s);
    EXPECT_EQ(server.counters().open_connections, 0u);
    EXPECT_EQ(server.counters().streams_open, 0u);
    EXPECT_LE(server.counters().peak_connections, 10u);
    EXPECT_EQ(llm.pool_stats().in_use + llm.pool_stats().idle, 0u);
    EXPECT_EQ(test_clock().pending(), 0u);
}

}  // namespace
}  // namespace chorus::pains::calls_tests
