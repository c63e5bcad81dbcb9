// However a response is cut, and whoever takes its body, it is the same one; and nothing is taken that was not given.
#include <chorus/http/h1_codec.hpp>

#include <limits>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"
#include "support/collecting_sink.hpp"

namespace {

namespace http = chorus::http;

/// What a decoder made of the bytes.
struct account {
    std::string head;
    std::string body;
    std::string end;
    bool is_reusable = false;

    bool operator==(const account&) const = default;
};

/// Keeps what was not used, as a connection does.
class reader {
 public:
    explicit reader(bool is_streamed) : is_streamed_(is_streamed) {
        http::limits caps;
        caps.head_bytes = 256;
        caps.head_fields = 20;
        caps.body_bytes = std::numeric_limits<std::size_t>::max();  // counts only for bodies that are kept
        if (is_streamed) {
            decoder_.start_streamed(caps);
        } else {
            decoder_.start(caps);
        }
    }

    bool take(std::string_view piece) {
        pending_ += piece;
        return advance(false) && (!is_streamed_ || !decoder_.has_head() || advance(true));
    }

    account finish() {
        if (seen_.end.empty()) {
            const auto ended = decoder_.is_complete() ? chorus::result<void>() : decoder_.feed_end();
            if (!ended) fail(ended.error());
        }
        if (seen_.end.empty()) {
            fuzz::require(decoder_.is_complete(), "what has ended without an error is complete");
            seen_.is_reusable = decoder_.keep_alive() && pending_.empty();
            if (!is_streamed_) note(decoder_.take());
            seen_.end = "complete";
        }
        if (seen_.end != "complete") seen_.head = seen_.body = "";
        return seen_;
    }

 private:
    bool advance(bool is_body) {
        const bool had_head = decoder_.has_head();
        const auto used = is_body ? decoder_.feed_body(pending_, sink_) : decoder_.feed(pending_);
        if (!used) return fail(used.error());
        fuzz::require(*used <= pending_.size(), "no more is used than there is");
        pending_.erase(0, *used);
        seen_.body = sink_.body;
        if (is_streamed_ && !had_head && decoder_.has_head()) note(decoder_.take());
        return true;
    }
    void note(const http::response& message) {
        seen_.head = std::to_string(message.status) + "\n" + message.headers.block();
        if (!is_streamed_) seen_.body = message.body;
        for (const http::header field : message.headers) {
            fuzz::require(http::headers::is_valid_name(field.name), "a name is one");
            fuzz::require(http::headers::is_valid_value(field.value), "a value is one");
        }
        fuzz::require(message.status >= 200 && message.status <= 999, "the status is one");
    }
    bool fail(const chorus::error& why) {
        seen_.end = why.message();
        return false;
    }

    bool is_streamed_;
    http::h1_response_decoder decoder_;
    std::string pending_;
    chorus::testing_support::collecting_sink sink_;
    account seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const fuzz::cut_input input(bytes, size);
    reader whole(false);
    reader cut(false);
    reader streamed(true);
    whole.take(input.whole());
    input.for_each_piece([&](std::string_view piece) { return cut.take(piece); });
    input.for_each_piece([&](std::string_view piece) { return streamed.take(piece); });
    const account seen = whole.finish();
    fuzz::require(seen.body.size() <= size, "a body is no longer than what was sent");
    fuzz::require(cut.finish() == seen, "the response does not depend on the cuts");
    fuzz::require(streamed.finish() == seen, "the response does not depend on who takes its body");
    return 0;
}
