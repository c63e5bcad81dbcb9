#include <chorus/testing/mock_message.hpp>

#include <gtest/gtest.h>

namespace mock_message_tests {

namespace {

using namespace chorus::testing;

TEST(mock_message, path_is_the_target_without_its_query) {
    mock_request request;
    request.target = "/v1/models?limit=2";
    EXPECT_EQ(request.path(), "/v1/models");
    request.target = "/v1/models";
    EXPECT_EQ(request.path(), "/v1/models");
}

TEST(mock_message, clear_leaves_nothing_of_the_last_request) {
    mock_request request{"POST", "/a", {}, "body", "m", "p", chorus::error(chorus::errc::bad_request)};
    request.headers.add("a", "b");
    request.stream = request.include_usage = true;
    request.clear();
    EXPECT_FALSE(request.stream || request.include_usage);
    EXPECT_TRUE(request.method.empty() && request.target.empty() && request.headers.empty() && request.body.empty());
    EXPECT_TRUE(request.model.empty() && request.prompt.empty() && !request.defect);
}

TEST(mock_message, clear_keeps_the_memory_of_a_small_body_and_not_that_of_a_large_one) {
    mock_request request;
    request.body.assign(1000, 'x');
    request.clear();
    EXPECT_GE(request.body.capacity(), 1000u);
    request.body.assign(1'000'000, 'x');
    request.clear();
    EXPECT_LT(request.body.capacity(), 1000u);
}

TEST(mock_message, clear_makes_a_reply_like_new) {
    mock_reply reply;
    reply.status = 500;
    reply.headers.add("a", "b");
    reply.body = "x";
    reply.raw = "y";
    reply.streamed().source(mock_pieces([](std::string&) { return false; }));
    EXPECT_TRUE(reply.is_streamed());
    reply.chunk_bytes = 3;
    reply.close_after = reply.hold = true;
    reply.latency = std::chrono::seconds(1);
    reply.fault = mock_fault::stall;
    reply.fault_after = 9;
    reply.clear();
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(reply.headers.empty() && reply.body.empty() && !reply.raw && !reply.latency);
    EXPECT_FALSE(reply.stream || reply.is_streamed());
    EXPECT_EQ(reply.chunk_bytes, 0u);
    EXPECT_FALSE(reply.close_after || reply.hold);
    EXPECT_EQ(reply.fault, mock_fault::none);
    EXPECT_EQ(reply.fault_after, 0u);
}

TEST(mock_message, a_stream_without_source_streams_nothing) {
    mock_reply reply;
    reply.streamed().every(std::chrono::seconds(1));
    EXPECT_FALSE(reply.is_streamed());
}

}  // namespace

}  // namespace mock_message_tests
