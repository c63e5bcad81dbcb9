// How much may have happened to a request that is sent again.
#pragma once

namespace chorus::http {

/// What may have happened to a request that is sent again. Each level includes those before it.
enum class replay_level {
    never,              ///< No retry at all.
    not_sent,           ///< Only what was not sent, or what the server says over HTTP/2 that it has not taken up.
    no_response_bytes,  ///< Also what was sent, if no byte of a response came or its status says "not processed".
    any,                ///< Also after an error status or a broken answer: the work may be done, and billed, twice.
};

}  // namespace chorus::http
