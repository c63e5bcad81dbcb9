// A request and a response as plain values; no protocol version knows more than these.
#pragma once

#include <chorus/http/headers.hpp>
#include <chorus/http/replay_level.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>

#include <chrono>
#include <string>

namespace chorus::http {

/// Is told that a request waits for its turn on a connection.
class queue_listener {
 public:
    /// Others are before it.
    virtual void queue_began() noexcept = 0;
    /// Its turn has come, or it waits no longer. Not called when the call is dropped.
    virtual void queue_ended() noexcept = 0;

 protected:
    ~queue_listener() = default;
};

/// One request. `Host`, `Content-Length` and connection management belong to the codec, not to `headers`.
struct request {
    std::string method = "POST";
    chorus::http::origin origin;
    std::string target = "/";
    http::headers headers;
    std::string body;
    replay_level replay = replay_level::any;  ///< How far the transport may send it again by itself.
    /// Set by who wants to hear of the wait; outlives the sending.
    queue_listener* listener = nullptr;
};

/// Is told of the head of a response before its body is there.
class head_listener {
 public:
    /// The head has come, its first byte so long after the request was written.
    virtual void head_came(std::chrono::nanoseconds since_sent) noexcept = 0;

 protected:
    ~head_listener() = default;
};

/// One complete response.
struct response {
    int status = 0;
    http::headers headers;
    std::string body;
    http::timing timing;
    /// Set by who wants to hear of the head while the response is being received; null in one that was.
    head_listener* listener = nullptr;
};

}  // namespace chorus::http
