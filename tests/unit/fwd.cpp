// fwd.hpp names only what the umbrella defines, and as the same kind of thing.
#include <chorus/chorus.hpp>
#include <chorus/fwd.hpp>

#include <gtest/gtest.h>

#include <type_traits>

namespace fwd_tests {

template <class... Named>
constexpr bool all_defined = ((sizeof(Named) > 0 && std::is_class_v<Named>)&&...);

TEST(fwd, names_only_what_the_umbrella_defines) {
    using namespace chorus;
    EXPECT_TRUE((all_defined<anthropic, api_error, azure, chat_options, chat_request, chat_response, client,
                             client_options, compatible, content, embedding_request, embedding_response, error,
                             loop_monitor, message, model_info, moderation_request, moderation_response, openai,
                             provider, rate_limits, response_format, secret, semaphore, task_group, usage>));
    EXPECT_TRUE((all_defined<http::headers, http::limits, http::request, http::response, http::timing, net::pool_stats,
                             net::transport>));
}

}  // namespace fwd_tests
