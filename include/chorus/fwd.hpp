// Names without definitions, for headers of programs that only pass these types on.
#pragma once

namespace chorus {

class anthropic;
class api_error;
class azure;
class chat_request;
class chat_response;
class chat_stream;
class client;
class client_options;
class compatible;
class content;
class embedding_request;
class embedding_response;
class error;
class loop_monitor;
class message;
class moderation_request;
class moderation_response;
class openai;
class provider;
class response_format;
class secret;
class semaphore;
class task_group;
class traffic_control;
struct chat_options;
struct model_info;
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
