// A request and a response as plain values; no protocol version knows more than these.
#pragma once

#include <chorus/http/headers.hpp>
#include <chorus/http/timing.hpp>
#include <chorus/http/url.hpp>

#include <string>

namespace chorus::http {

/// One request. `Host`, `Content-Length` and connection management belong to the codec, not to `headers`.
struct request {
    std::string method = "POST";
    chorus::http::origin origin;
    std::string target = "/";
    http::headers headers;
    std::string body;
};

/// One complete response.
struct response {
    int status = 0;
    http::headers headers;
    std::string body;
    http::timing timing;
};

}  // namespace chorus::http
