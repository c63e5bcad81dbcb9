// A request and what came of it as one line of a recording, with its secrets struck out.
#pragma once

#include <chorus/config.hpp>
#include <chorus/error.hpp>
#include <chorus/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chorus::testing {

/// One request, and the response or the error that it got.
struct recorded_exchange {
    struct piece {
        std::string bytes;
        std::chrono::microseconds after{};  ///< since the piece before, or since the head
    };

    std::uint64_t number = 0;  ///< the requests of a recording, counted from 1 in the order in which they were sent
    http::request request;
    bool has_response = false;
    http::response response;  ///< its body only if it came whole
    bool is_streamed = false;
    std::vector<piece> pieces;          ///< of a stream
    bool is_abandoned = false;          ///< the reader of a stream left before its end
    error failure;                      ///< in place of the response, or after the last piece
    std::chrono::microseconds taken{};  ///< until the response was there, of a stream its head
};

/// Writes an exchange as a JSON object without line breaks. Bodies that are not UTF-8 are written in base64.
std::string to_line(const recorded_exchange& exchange);

/// Reads such a line. Codes of libraries other than this one and the system come back as `errc::connection_lost`.
/// Errors: `errc::decode_failed`.
result<recorded_exchange> exchange_from_line(std::string_view line);

/// Takes secrets out of exchanges: whatever was sent in a field or in a query that carries credentials, everywhere, and
/// the words that it was given.
class secret_striker {
 public:
    /// An empty word strikes nothing.
    explicit secret_striker(std::vector<std::string> words = {});

    /// Puts *** for the values of the fields and of the parts of the query that carry credentials, and for these values
    /// and the words given wherever else they stand: in URL, fields, bodies (also escaped for JSON or percent-encoded),
    /// pieces of a stream although they be cut in between, and errors.
    void strike(recorded_exchange& exchange) const;

    /// Whether a field of that name carries credentials: `Authorization`, `api-key`, `Cookie`, ...
    static bool is_secret_field(std::string_view name);

 private:
    std::vector<std::string> words_;
};

}  // namespace chorus::testing

#ifndef CHORUS_SEPARATE_COMPILATION
#include <chorus/impl/testing/recorded_exchange.ipp>
#endif
