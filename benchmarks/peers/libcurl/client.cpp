// libcurl's multi interface driven by epoll (curl_multi_socket_action), the answers and the events of streams parsed
// with nlohmann/json, or the lines of streams only counted.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../support/options.hpp"
#include "../../support/report.hpp"
#include "../../support/resources.hpp"
#include "../../support/stopwatch.hpp"
#include "../../support/tally.hpp"
#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace {

constexpr std::string_view usage = R"(Usage: libcurl [options]
  --scenario NAME     throughput, fanout, reuse or stream
  --requests N        of each wave
  --concurrency C     of throughput and stream (default: 64)
  --waves W           of fanout (default: 1)
  --chunks K          that each stream has to bring (default: 200)
  --undecoded         counts the lines of streams that have data, and looks into none of them
)";

struct peer_settings : bench::settings {
    std::string scenario;
    std::size_t requests = 0;
    std::size_t concurrency = 64;
    std::size_t waves = 1;
    std::size_t chunks = 200;
    bool undecoded = false;

    bool streams() const { return scenario == "stream"; }
};

/// Puts the lines of a stream together from what libcurl hands out, and takes their data.
class stream_reader {
 public:
    explicit stream_reader(bool decodes) : decodes_(decodes) {}

    void take(std::string_view bytes) {
        for (auto end = bytes.find('\n'); end != bytes.npos; end = bytes.find('\n')) {
            if (rest_.empty()) {
                take_line(bytes.substr(0, end));
            } else {
                rest_.append(bytes, 0, end);
                take_line(rest_);
                rest_.clear();
            }
            bytes.remove_prefix(end + 1);
        }
        rest_.append(bytes);
    }

    /// What is wrong with the stream, or nothing.
    std::string problem(std::size_t chunks, const std::string& prompt) const {
        if (!problem_.empty()) return problem_;
        if (!is_done_) return "a stream without its end";
        if (!decodes_) {
            constexpr std::size_t others = 2;  // the role and the finish
            return events_ == chunks + others ? "" : "a stream of " + std::to_string(events_) + " events";
        }
        if (pieces_ != chunks || finish_reason_ != "stop") {
            return "a stream of " + std::to_string(pieces_) + " chunks that ended with \"" + finish_reason_ + '"';
        }
        // The mock server repeats its echo until it has sent all chunks.
        const std::string echo = "echo: " + prompt + ' ';
        for (std::string_view left = text_; !left.empty(); left.remove_prefix(std::min(left.size(), echo.size()))) {
            if (!echo.starts_with(left.substr(0, echo.size()))) return "a wrong answer: " + text_.substr(0, 100);
        }
        return {};
    }

 private:
    void take_line(std::string_view line) {
        constexpr std::string_view field = "data: ";
        if (!line.starts_with(field)) return;
        line.remove_prefix(field.size());
        if (line == "[DONE]") {
            is_done_ = true;
            return;
        }
        ++events_;
        if (decodes_) decode(line);
    }

    // What it throws must not pass through libcurl.
    void decode(std::string_view data) {
        try {
            const auto event = nlohmann::json::parse(data);
            const auto& choice = event.at("choices").at(0);
            const auto& delta = choice.at("delta");
            const auto content = delta.find("content");
            if (content != delta.end() && content->is_string()) {
                const auto& text = content->get_ref<const std::string&>();
                text_ += text;
                if (!text.empty()) ++pieces_;
            }
            const auto& reason = choice.at("finish_reason");
            if (reason.is_string()) finish_reason_ = reason.get_ref<const std::string&>();
        } catch (const nlohmann::json::exception& problem) {
            problem_ = problem.what();
        }
    }

    bool decodes_;
    std::string rest_;  // of a line whose end has not come
    std::string text_;
    std::string finish_reason_;
    std::string problem_;
    std::size_t events_ = 0;
    std::size_t pieces_ = 0;
    bool is_done_ = false;
};

/// One easy handle, used again and again.
struct call {
    CURL* easy = curl_easy_init();
    std::string prompt;
    std::string body;
    std::string answer;
    std::optional<stream_reader> stream;  // in place of the answer
    std::chrono::steady_clock::time_point started;

    call() = default;
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() { curl_easy_cleanup(easy); }
};

/// A multi handle with its connections, and the epoll loop that drives it.
class session {
 public:
    session(const peer_settings& wanted, std::size_t concurrency, bench::tally& counts)
        : wanted_(wanted), url_(wanted.url + "/chat/completions"), counts_(counts) {
        headers_ = curl_slist_append(headers_, "Content-Type: application/json");
        headers_ = curl_slist_append(headers_, "Authorization: Bearer sk-mock");
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(concurrency));
        // Left to itself it opens hundreds of HTTP/2 connections while the first answers come in, and is slower for it.
        constexpr std::size_t streams = 100;
        const auto connections = static_cast<long>((concurrency + streams - 1) / streams);
        if (wanted.http2) curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &session::on_socket);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &session::on_timer);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
        for (std::size_t i = 0; i < concurrency; ++i) calls_.push_back(make_call());
    }
    ~session() {
        for (const auto& one : calls_) curl_multi_remove_handle(multi_, one->easy);
        curl_multi_cleanup(multi_);
        curl_slist_free_all(headers_);
        ::close(epoll_);
    }
    session(const session&) = delete;
    session& operator=(const session&) = delete;

    /// Sends the requests from `first` to `last`, as many at once as the session has handles.
    void ask(std::size_t first, std::size_t last) {
        next_ = first;
        last_ = last;
        for (const auto& one : calls_) start(*one);
        while (under_way_ > 0) turn();
    }

 private:
    using clock = std::chrono::steady_clock;

    std::unique_ptr<call> make_call() {
        auto made = std::make_unique<call>();
        CURL* const easy = made->easy;
        curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(easy, CURLOPT_CAINFO, wanted_.ca_file.c_str());
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, wanted_.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
        // Waits for the first handshake to know whether the connection can be shared.
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, wanted_.http2 ? 1L : 0L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 600L);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, made.get());
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, made.get());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &session::on_data);
        return made;
    }

    void start(call& one) {
        if (next_ == last_) return;
        one.prompt = "Question number " + std::to_string(next_++);
        nlohmann::json body{{"model", wanted_.model}, {"messages", {{{"role", "user"}, {"content", one.prompt}}}}};
        if (wanted_.streams()) {
            body["stream"] = true;
            one.stream.emplace(!wanted_.undecoded);
        }
        one.body = body.dump();
        one.answer.clear();
        one.started = clock::now();
        curl_easy_setopt(one.easy, CURLOPT_POSTFIELDS, one.body.c_str());
        curl_easy_setopt(one.easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(one.body.size()));
        counts_.begin();
        ++under_way_;
        curl_multi_add_handle(multi_, one.easy);
    }

    /// One round: waits, hands what is ready to libcurl, takes what is done and starts the next.
    void turn() {
        epoll_event ready[256];
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(due_ - clock::now()).count();
        const int wait = due_ == clock::time_point::max() ? -1 : static_cast<int>(std::clamp<long>(left, 0, 60'000));
        const int count = epoll_wait(epoll_, ready, 256, wait);
        int running = 0;
        for (int i = 0; i < count; ++i) {
            int what = 0;
            if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) what |= CURL_CSELECT_IN;
            if (ready[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
            curl_multi_socket_action(multi_, ready[i].data.fd, what, &running);
        }
        if (due_ <= clock::now()) {
            due_ = clock::time_point::max();
            curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        int queued = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
            if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
        }
    }

    void finish(CURL* easy, CURLcode result) {
        call* one = nullptr;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &one);
        count(*one, result);
        curl_multi_remove_handle(multi_, easy);
        --under_way_;
        start(*one);
    }

    void count(const call& one, CURLcode result) {
        long status = 0;
        curl_easy_getinfo(one.easy, CURLINFO_RESPONSE_CODE, &status);
        if (result != CURLE_OK) return counts_.fail(curl_easy_strerror(result));
        if (status != 200) return counts_.fail("status " + std::to_string(status));
        if (one.stream) {
            const std::string problem = one.stream->problem(wanted_.chunks, one.prompt);
            return problem.empty() ? counts_.succeed(clock::now() - one.started) : counts_.fail(problem);
        }
        try {
            const auto reply = nlohmann::json::parse(one.answer);
            const auto& text = reply.at("choices").at(0).at("message").at("content").get_ref<const std::string&>();
            if (text != "echo: " + one.prompt) return counts_.fail("a wrong answer: " + text);
            counts_.succeed(clock::now() - one.started);
        } catch (const nlohmann::json::exception& problem) {
            counts_.fail(problem.what());
        }
    }

    static std::size_t on_data(char* data, std::size_t, std::size_t size, void* into) {
        auto& one = *static_cast<call*>(into);
        one.stream ? one.stream->take({data, size}) : void(one.answer.append(data, size));
        return size;
    }

    static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
        auto& me = *static_cast<session*>(self);
        epoll_event event{};
        event.data.fd = socket;
        if (what & CURL_POLL_IN) event.events |= EPOLLIN;
        if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
        if (what == CURL_POLL_REMOVE) return epoll_ctl(me.epoll_, EPOLL_CTL_DEL, socket, nullptr), 0;
        epoll_ctl(me.epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
        curl_multi_assign(me.multi_, socket, self);
        return 0;
    }

    static int on_timer(CURLM*, long wait_ms, void* self) {
        auto& due = static_cast<session*>(self)->due_;
        due = wait_ms < 0 ? clock::time_point::max() : clock::now() + std::chrono::milliseconds(wait_ms);
        return 0;
    }

    const peer_settings& wanted_;
    const std::string url_;
    bench::tally& counts_;
    CURLM* multi_ = curl_multi_init();
    curl_slist* headers_ = nullptr;
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    clock::time_point due_ = clock::time_point::max();
    std::vector<std::unique_ptr<call>> calls_;
    std::size_t next_ = 0;
    std::size_t last_ = 0;
    std::size_t under_way_ = 0;
};

void throughput(const peer_settings& wanted, bench::tally& counts, bench::report& figures) {
    session all(wanted, wanted.concurrency, counts);
    const bench::stopwatch watch;
    all.ask(0, wanted.requests);
    figures.add("concurrency", wanted.concurrency).add("wall_s", watch.wall_s());
    figures.add("requests_per_s", static_cast<double>(counts.ok()) / watch.wall_s());
    figures.add("cpu_us_per_request", watch.cpu_us() / static_cast<double>(wanted.requests));
}

void stream(const peer_settings& wanted, bench::tally& counts, bench::report& figures) {
    session all(wanted, wanted.concurrency, counts);
    const bench::stopwatch watch;
    all.ask(0, wanted.requests);
    const double wall_s = watch.wall_s();
    const double cpu_us = watch.cpu_us();
    const double chunks = static_cast<double>(wanted.chunks);
    figures.add("concurrency", wanted.concurrency).add("wall_s", wall_s);
    figures.add("chunks_per_s", static_cast<double>(counts.ok()) * chunks / wall_s);
    figures.add("cpu_us_per_chunk", cpu_us / static_cast<double>(wanted.requests) / chunks);
}

void fanout(const peer_settings& wanted, bench::tally& counts, bench::report& figures) {
    const std::size_t kb_before = bench::resident_kb();
    const bench::stopwatch watch;
    session all(wanted, wanted.requests, counts);
    std::vector<double> walls;
    for (std::size_t wave = 0; wave < wanted.waves; ++wave) {
        const bench::stopwatch one;
        all.ask(wave * wanted.requests, (wave + 1) * wanted.requests);
        walls.push_back(one.wall_s());
    }
    const double sent = static_cast<double>(wanted.requests);
    figures.add("waves", wanted.waves).add("wall_s", walls.front()).add("wall_s_warm", walls.back());
    figures.add("cpu_us_per_request", watch.cpu_us() / sent / static_cast<double>(wanted.waves));
    figures.add("rss_kb_per_in_flight", static_cast<double>(bench::peak_resident_kb() - kb_before) / sent);
}

void reuse(const peer_settings& wanted, bench::tally& counts, bench::report& figures) {
    const auto in_sequence = [&](auto send) {
        std::vector<float> latencies_ms;
        const bench::stopwatch all;
        for (std::size_t i = 0; i < wanted.requests; ++i) {
            const bench::stopwatch one;
            send(i);
            latencies_ms.push_back(static_cast<float>(one.wall_s() * 1000));
        }
        return std::pair(bench::percentile(latencies_ms, 0.5), all.cpu_us() / static_cast<double>(wanted.requests));
    };
    session session_kept(wanted, 1, counts);
    const auto kept = in_sequence([&](std::size_t i) { session_kept.ask(i, i + 1); });
    const auto renewed = in_sequence([&](std::size_t i) { session(wanted, 1, counts).ask(i, i + 1); });
    figures.add("latency_ms_kept", kept.first).add("latency_ms_new", renewed.first);
    figures.add("cpu_us_kept", kept.second).add("cpu_us_new", renewed.second);
}

int measure(const peer_settings& wanted) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    bench::raise_descriptor_limit();
    bench::tally counts(wanted.requests * std::max<std::size_t>(wanted.waves, 2));
    bench::report figures;
    figures.add("requests", wanted.requests);
    if (wanted.scenario == "throughput")
        throughput(wanted, counts, figures);
    else if (wanted.scenario == "fanout")
        fanout(wanted, counts, figures);
    else if (wanted.scenario == "reuse")
        reuse(wanted, counts, figures);
    else if (wanted.streams())
        stream(wanted, counts, figures);
    else
        throw std::invalid_argument("--scenario needs throughput, fanout, reuse or stream");
    figures.add("ok", counts.ok()).add("failed", counts.failed());
    figures.add("p50_ms", counts.latency_ms(0.50)).add("p99_ms", counts.latency_ms(0.99));
    figures.print(std::cout, true);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
    return bench::run_benchmark(usage, count, arguments, [](const auto& words) {
        peer_settings wanted;
        bench::option_reader options(wanted);
        options.text("--scenario", wanted.scenario).number("--requests", wanted.requests);
        options.number("--concurrency", wanted.concurrency).number("--waves", wanted.waves);
        options.number("--chunks", wanted.chunks).flag("--undecoded", wanted.undecoded);
        options.read(words);
        return measure(wanted);
    });
}
