#include <chorus/observe/observers.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace chorus::observers_tests {
namespace {

using namespace std::chrono_literals;

struct noting final : observer {
    noting(std::string name, std::string& into) : own_name(std::move(name)), notes(into) {}
    void note(const char* what) { notes += own_name + what + ' '; }
    void on_call(const call_info&) noexcept override { note("call"); }
    void on_limited(const call_info&, std::chrono::nanoseconds) noexcept override { note("limited"); }
    void on_attempt(const call_info&, int) noexcept override { note("attempt"); }
    void on_first_byte(const call_info&, std::chrono::nanoseconds) noexcept override { note("byte"); }
    void on_first_token(const call_info&, std::chrono::nanoseconds) noexcept override { note("token"); }
    void on_retry(const call_info&, const error&, std::chrono::milliseconds) noexcept override { note("retry"); }
    void on_end(const call_info&, const call_end&) noexcept override { note("end"); }
    void on_connection(connection_event, const connection_info&) noexcept override { note("connection"); }
    void on_server_limit(limit_event, const limit_info&) noexcept override { note("limit"); }

    std::string own_name;
    std::string& notes;
};

void tell_everything(observer& whom) {
    const call_info call{.id = 1, .operation = "chat"};
    whom.on_call(call);
    whom.on_limited(call, 1ms);
    whom.on_attempt(call, 1);
    whom.on_first_byte(call, 1ms);
    whom.on_first_token(call, 1ms);
    whom.on_retry(call, error(errc::overloaded), 1ms);
    whom.on_end(call, {});
    whom.on_connection(connection_event::closed, {});
    whom.on_server_limit(limit_event::paused, {});
}

TEST(observers, tell_all_of_everything_in_the_order_of_adding) {
    std::string notes;
    observers all({std::make_shared<noting>("a:", notes), nullptr});
    all.add(nullptr).add(std::make_shared<noting>("b:", notes));
    tell_everything(all);
    EXPECT_EQ(notes,
              "a:call b:call a:limited b:limited a:attempt b:attempt a:byte b:byte a:token b:token a:retry b:retry "
              "a:end b:end a:connection b:connection a:limit b:limit ");
}

TEST(observer, does_nothing_unless_it_is_overridden) {
    observer silent;
    observers none;
    tell_everything(silent);
    tell_everything(none);
}

TEST(observer, events_have_names) {
    for (const auto& [event, name] :
         {std::pair(connection_event::opened, "opened"), std::pair(connection_event::resumed, "resumed"),
          std::pair(connection_event::reused, "reused"), std::pair(connection_event::closed, "closed"),
          std::pair(connection_event::failed, "failed")}) {
        EXPECT_EQ(to_string(event), name);
    }
    EXPECT_EQ(to_string(limit_event::held), "held");
    EXPECT_EQ(to_string(limit_event::circuit_closed), "circuit closed");
    EXPECT_EQ(to_string(static_cast<limit_event>(100)), "unknown");
}

}  // namespace
}  // namespace chorus::observers_tests
