// However a stream is cut, its events are the same, and they are valid UTF-8.
#include <chorus/json/text.hpp>
#include <chorus/sse/decoder.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.hpp"

namespace {

namespace sse = chorus::sse;

// So small that inputs pass it in many ways, and one under which whole events of servers find room.
constexpr std::size_t small_limit = 64;
constexpr std::size_t usual_limit = 4096;

/// What a decoder gave, as lines.
class account {
 public:
    explicit account(std::size_t limit) noexcept : decoder_(limit) {}

    /// False when nothing can follow.
    bool take(std::string_view bytes) {
        decoder_.feed(bytes);
        for (sse::event next;;) {
            switch (decoder_.next(next)) {
                case sse::step::event:
                    note("event", next);
                    break;
                case sse::step::comment:
                    note("comment", next);
                    break;
                case sse::step::more:
                    return true;
                case sse::step::failed:
                    lines_.emplace_back("failed");
                    return false;
            }
        }
    }
    void finish() {
        sse::event last;
        if (decoder_.finish(last)) note("last", last);
        lines_.push_back("id " + decoder_.last_id());
        if (decoder_.retry()) lines_.push_back("retry " + std::to_string(decoder_.retry()->count()));
    }
    const std::vector<std::string>& lines() const noexcept { return lines_; }

 private:
    void note(const char* what, const sse::event& seen) {
        fuzz::require(chorus::json::is_valid_utf8(seen.data), "the data of an event is UTF-8");
        lines_.push_back(std::string(what).append(" ").append(seen.type).append(": ").append(seen.data));
    }

    sse::decoder decoder_;
    std::vector<std::string> lines_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const fuzz::cut_input input(bytes, size);
    for (const std::size_t limit : {small_limit, usual_limit}) {
        account whole(limit);
        account cut(limit);
        whole.take(input.whole());
        whole.finish();
        input.for_each_piece([&](std::string_view piece) { return cut.take(piece); });
        cut.finish();
        fuzz::require(whole.lines() == cut.lines(), "the events do not depend on the cuts");
    }
    return 0;
}
