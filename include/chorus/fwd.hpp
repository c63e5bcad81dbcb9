// Names without definitions, for headers of programs that only pass these types on.
#pragma once

namespace chorus {

class api_error;
class chat_request;
class chat_response;
class client;
class client_options;
class content;
class error;
class loop_monitor;
class message;
class openai;
class provider;
class response_format;
class secret;
class semaphore;
class task_group;
struct chat_options;
struct rate_limits;
struct usage;

namespace http {
class headers;
struct limits;
struct request;
struct response;
struct timing;
}  // namespace http

namespace net {
class transport;
struct pool_stats;
}  // namespace net

}  // namespace chorus
