// Contracts of the event-stream decoder: what the standard says, whatever the cuts.
#include <chorus/sse/decoder.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace decoder_tests {

namespace {

using namespace chorus;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

struct told {
    std::string type;
    std::string data;
    bool is_comment = false;
    bool operator==(const told&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const told& one) {
        return out << (one.is_comment ? "comment" : "event") << '(' << one.type << ", " << one.data << ')';
    }
};
using tale = std::vector<told>;

void drain(sse::decoder& decoder, tale& into) {
    for (;;) {
        sse::event next;
        const auto came = decoder.next(next);
        if (came != sse::step::event && came != sse::step::comment) break;
        into.push_back({std::string(next.type), std::string(next.data), came == sse::step::comment});
    }
}

/// Feeds pieces of this size. Each piece lies in memory of its own that is gone before the next.
tale decoded_in_pieces(std::string_view stream, std::size_t size) {
    sse::decoder decoder;
    tale all;
    for (std::size_t at = 0; at < stream.size(); at += size) {
        const std::vector<char> piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                                      stream.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, stream.size())));
        decoder.feed({piece.data(), piece.size()});
        drain(decoder, all);
    }
    return all;
}
tale decoded(std::string_view stream) {
    return decoded_in_pieces(stream, stream.size());
}
tale decoded_in_two(std::string_view stream, std::size_t cut) {
    sse::decoder decoder;
    tale all;
    for (const std::string_view part : {stream.substr(0, cut), stream.substr(cut)}) {
        const std::vector<char> piece(part.begin(), part.end());
        decoder.feed({piece.data(), piece.size()});
        drain(decoder, all);
    }
    return all;
}

TEST(sse_decoder, gives_the_data_of_each_event) {
    EXPECT_EQ(decoded("data: {\"a\":1}\n\ndata: [DONE]\n\n"), (tale{{"", "{\"a\":1}"}, {"", "[DONE]"}}));
}

TEST(sse_decoder, knows_the_three_ends_of_lines_and_no_other) {
    EXPECT_EQ(decoded("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), (tale{{"", "a"}, {"", "b"}, {"", "c"}}));
    EXPECT_EQ(decoded("data: a\xc2\x85\xe2\x80\xa8\v\fb\n\n"), (tale{{"", "a\xc2\x85\xe2\x80\xa8\v\fb"}}));
    EXPECT_EQ(decoded("data: a\n\r\ndata: b\r\n\n"), (tale{{"", "a"}, {"", "b"}}));
}

TEST(sse_decoder, does_not_wait_for_what_may_follow_a_carriage_return) {
    EXPECT_EQ(decoded("data: a\r\r"), (tale{{"", "a"}}));
    EXPECT_EQ(decoded("data: a\r\n\r"), (tale{{"", "a"}}));
}

TEST(sse_decoder, drops_one_space_behind_the_colon) {
    EXPECT_EQ(decoded("data:a\n\ndata:  b\n\ndata: \n\n"), (tale{{"", "a"}, {"", " b"}, {"", ""}}));
}

TEST(sse_decoder, joins_data_lines) {
    EXPECT_EQ(decoded("data: a\ndata: b\ndata\ndata:c\n\n"), (tale{{"", "a\nb\n\nc"}}));
    EXPECT_EQ(decoded("data:\ndata: {}\n\n"), (tale{{"", "\n{}"}}));
}

TEST(sse_decoder, gives_no_event_without_data) {
    EXPECT_EQ(decoded("event: ping\n\nretry: 1000\n\nid: 7\n\n\n\ndata: x\n\n"), (tale{{"", "x"}}));
}

TEST(sse_decoder, names_the_type_of_its_own_event_only) {
    EXPECT_EQ(decoded("event: a\ndata: 1\n\ndata: 2\n\nevent: b\nevent: c\ndata: 3\n\n"),
              (tale{{"a", "1"}, {"", "2"}, {"c", "3"}}));
}

TEST(sse_decoder, gives_comments_as_they_come) {
    EXPECT_EQ(decoded(": OPENROUTER PROCESSING\n\ndata: a\n:keep-alive\ndata: b\n\n"),
              (tale{{"", "OPENROUTER PROCESSING", true}, {"", "keep-alive", true}, {"", "a\nb"}}));
}

TEST(sse_decoder, passes_over_unknown_fields_and_other_spellings) {
    EXPECT_EQ(decoded("Data: a\nDATA: b\nfoo: c\nfoo\ndata : d\ndata: e\n\n"), (tale{{"", "e"}}));
}

TEST(sse_decoder, strips_one_byte_order_mark_at_the_very_start) {
    EXPECT_EQ(decoded("\xef\xbb\xbf"
                      "data: a\n\n\xef\xbb\xbf"
                      "data: b\n\ndata: c\n\n"),
              (tale{{"", "a"}, {"", "c"}}));
    EXPECT_EQ(decoded("\xef\xbb\xbf\xef\xbb\xbf"
                      "data: a\n\ndata: b\n\n"),
              (tale{{"", "b"}}));
}

TEST(sse_decoder, keeps_the_last_id_unless_it_holds_a_zero) {
    sse::decoder decoder;
    tale all;
    decoder.feed("id: 1\ndata: a\n\ndata: b\n\n");
    drain(decoder, all);
    EXPECT_EQ(decoder.last_id(), "1");
    decoder.feed("id: 2\0x\ndata: c\n\n"sv);
    drain(decoder, all);
    EXPECT_EQ(decoder.last_id(), "1");
    decoder.feed("id\ndata: d\n\n");
    drain(decoder, all);
    EXPECT_EQ(decoder.last_id(), "");
    EXPECT_EQ(all.size(), 4u);
}

TEST(sse_decoder, reads_retry_if_it_is_a_number) {
    sse::decoder decoder;
    tale all;
    EXPECT_FALSE(decoder.retry());
    decoder.feed("retry: 1500\n");
    drain(decoder, all);
    EXPECT_EQ(decoder.retry(), 1500ms);
    decoder.feed("retry: 2s\nretry: -1\nretry: +1\nretry:\nretry: 99999999999999999999\n");
    drain(decoder, all);
    EXPECT_EQ(decoder.retry(), 1500ms);
}

TEST(sse_decoder, replaces_what_is_not_utf8) {
    EXPECT_EQ(decoded("data: a\xff"
                      "b\n\nevent: \xc3\ndata: \xe2\x82\n\n: \xff\n"),
              (tale{{"",
                     "a\xef\xbf\xbd"
                     "b"},
                    {"\xef\xbf\xbd", "\xef\xbf\xbd"},
                    {"", "\xef\xbf\xbd", true}}));
}

TEST(sse_decoder, copies_no_event_that_lies_whole_in_the_bytes) {
    const std::string stream = "data: first\n\ndata: second\n\n";
    sse::decoder decoder;
    decoder.feed(stream);
    sse::event next;
    ASSERT_EQ(decoder.next(next), sse::step::event);
    EXPECT_EQ(next.data.data(), stream.data() + 6);
    ASSERT_EQ(decoder.next(next), sse::step::event);
    EXPECT_EQ(next.data.data(), stream.data() + 19);
}

/// Everything at once: marks, all line ends, comments inside of events, characters of several bytes.
const std::string everything =
    "\xef\xbb\xbf"
    "data: \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\r\n\r\n: hi\r\nevent: a\rdata:{\n:inside\ndata: }\r\r"
    "id: 5\nretry: 10\n\ndata: bad \xf0\x9f\x98 end\n\nfoo\ndata\n\ndata: [DONE]\n\n";

TEST(sse_decoder, gives_the_same_for_every_size_of_the_pieces) {
    const tale whole = decoded(everything);
    EXPECT_EQ(whole.size(), 7u);
    for (std::size_t size = 1; size <= everything.size(); ++size) {
        ASSERT_EQ(decoded_in_pieces(everything, size), whole) << size;
    }
}

TEST(sse_decoder, gives_the_same_for_every_cut) {
    const tale whole = decoded(everything);
    for (std::size_t cut = 0; cut <= everything.size(); ++cut) ASSERT_EQ(decoded_in_two(everything, cut), whole) << cut;
}

/// The standard, word by word and without a care for speed (WHATWG HTML, 9.2.6). Comments are left out.
tale by_the_book(std::string_view stream) {
    if (stream.starts_with("\xef\xbb\xbf")) stream.remove_prefix(3);
    tale all;
    std::string type, data, line;
    const auto take = [&] {
        if (line.empty()) {
            if (!data.empty()) all.push_back({type, data.substr(0, data.size() - 1)});
            type.clear();
            data.clear();
        } else if (line[0] != ':') {
            const std::size_t colon = line.find(':');
            std::string value = colon == line.npos ? "" : line.substr(colon + 1);
            if (!value.empty() && value[0] == ' ') value.erase(0, 1);
            if (line.substr(0, colon) == "data") data += value + '\n';
            if (line.substr(0, colon) == "event") type = value;
        }
        line.clear();
    };
    for (std::size_t i = 0; i < stream.size(); ++i) {
        if (stream[i] == '\r' && i + 1 < stream.size() && stream[i + 1] == '\n') continue;
        if (stream[i] == '\r' || stream[i] == '\n') {
            take();
        } else {
            line += stream[i];
        }
    }
    return all;
}

TEST(sse_decoder, agrees_with_the_standard_on_random_streams_in_random_pieces) {
    std::mt19937 random(20261122);
    const std::vector<std::string> parts{"data", "event", "id", ":",      ": ", "\n",           "\r",
                                         "\r\n", "\n\n",  "x",  "data: ", "é",  "\xef\xbb\xbf", "\0"};
    for (int round = 0; round < 3000; ++round) {
        std::string stream;
        for (auto left = random() % 40; left > 0; --left) stream += parts[random() % parts.size()];
        sse::decoder decoder;
        tale all;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t size = std::min<std::size_t>(1 + random() % 7, stream.size() - at);
            const std::vector<char> piece(stream.begin() + static_cast<std::ptrdiff_t>(at),
                                          stream.begin() + static_cast<std::ptrdiff_t>(at + size));
            decoder.feed({piece.data(), piece.size()});
            drain(decoder, all);
            at += size;
        }
        std::erase_if(all, [](const told& one) { return one.is_comment; });
        ASSERT_EQ(all, by_the_book(stream)) << testing::PrintToString(stream);
    }
}

TEST(sse_decoder, gives_at_the_end_what_the_standard_discards) {
    for (const std::string_view last : {"data: [DONE]", "data: [DONE]\n", "data: [DO", ""}) {
        for (std::size_t cut = 0; cut <= last.size(); ++cut) {
            sse::decoder decoder;
            tale all;
            decoder.feed("data: a\n\n");
            drain(decoder, all);
            decoder.feed(last.substr(0, cut));
            drain(decoder, all);
            decoder.feed(last.substr(cut));
            drain(decoder, all);
            ASSERT_EQ(all, (tale{{"", "a"}}));
            sse::event left;
            const bool is_something = decoder.finish(left);
            ASSERT_EQ(is_something, !last.empty()) << last << cut;
            if (is_something) {
                ASSERT_EQ(left.data, last.substr(6, 6)) << cut;
            }
        }
    }
}

TEST(sse_decoder, gives_nothing_at_the_end_of_a_stream_that_ended_in_order) {
    for (const std::string_view stream : {""sv, "data: a\n\n"sv, ": comment"sv, "event: a\n"sv, "\xef\xbb\xbf"sv}) {
        sse::decoder decoder;
        tale all;
        decoder.feed(stream);
        drain(decoder, all);
        sse::event left;
        EXPECT_FALSE(decoder.finish(left)) << stream;
    }
}

TEST(sse_decoder, measures_every_line_alike_wherever_it_is_cut) {
    constexpr std::size_t limit = 20;
    // Each at the limit and one byte above it: data alone, beside data before it, and lines that add nothing to an event.
    const std::string_view streams[] = {
        "data: 12345678901234\n\n",
        "data: 123456789012345\n\n",
        "data:123456789012345\n\n",
        "data:1234567890123456\n\n",
        "data: 123456\ndata: 78\n\n",
        "data: 123456\ndata: 789012345\n\n",
        ": 345678901234567890\n\n",
        ": 3456789012345678901\n\n",
        "event: 89012345678901\ndata: a\n\n",
        "unknown: 012345678901\n\n",
        "\xef\xbb\xbf"
        "data: 1234567890123\n\n",
        "data: a\r\n\r\nid: 12345678901234567890\r\ndata: b\r\n\r\n",
    };
    int failures = 0;
    for (const std::string_view stream : streams) {
        const auto account = [&](std::size_t cut) {
            sse::decoder decoder(limit);
            tale all;
            for (const std::string_view part : {stream.substr(0, cut), stream.substr(cut)}) {
                decoder.feed(part);
                drain(decoder, all);
            }
            if (decoder.failure().code()) all.push_back({"failed", {}});
            return all;
        };
        const tale whole = account(stream.size());
        failures += !whole.empty() && whole.back().type == "failed";
        for (std::size_t cut = 0; cut < stream.size(); ++cut) ASSERT_EQ(account(cut), whole) << stream << cut;
    }
    EXPECT_EQ(failures, 8);
}

TEST(sse_decoder, limits_the_size_of_an_event_however_it_grows) {
    const std::string long_line(200, 'x');
    const std::string one_line = "data: " + long_line + "\n\n";
    std::string many_lines;
    for (int i = 0; i < 200; ++i) many_lines += "data:\n";
    for (const std::string& stream : {one_line, "data: " + long_line, many_lines, "foo" + long_line}) {
        for (const std::size_t size : {std::size_t{1}, std::size_t{7}, stream.size()}) {
            sse::decoder decoder(100);
            sse::step last = sse::step::more;
            for (std::size_t at = 0; at < stream.size() && last == sse::step::more; at += size) {
                decoder.feed(std::string_view(stream).substr(at, size));
                sse::event next;
                last = decoder.next(next);
            }
            EXPECT_EQ(last, sse::step::failed) << size << stream.substr(0, 10);
            EXPECT_EQ(decoder.failure(), errc::body_too_large);
            sse::event left;
            EXPECT_EQ(decoder.next(left), sse::step::failed);
            EXPECT_FALSE(decoder.finish(left));
        }
    }
    EXPECT_EQ(decoded(one_line).size(), 1u);
}

}  // namespace

}  // namespace decoder_tests
