// Lesson 5: a task is a coroutine that runs already; its handle is awaited later, and is the value to come. For code
// that is no coroutine, such as another thread, a `std::future` stands for that value.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <thread>
#include <utility>

#include "lesson.hpp"

using namespace std::chrono_literals;

chorus::awaitable<bool> with_a_task(const lesson::server& server) {
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server));

    chorus::task<chorus::chat_response> answer = co_await chorus::spawn(llm.complete(lesson::question("Why?")));
    std::cout << "the task runs; done: " << std::boolalpha << answer.done() << '\n';
    co_await chorus::sleep_for(200ms);  // the coroutine does something else
    const bool done_meanwhile = answer.done();
    std::cout << "later; done: " << done_meanwhile << '\n';
    const auto reply = co_await std::move(answer);  // nothing left to wait for
    std::cout << "the task's value: " << reply.text() << '\n';
    co_return done_meanwhile;
}

bool with_a_future(const lesson::server& server) {
    boost::asio::io_context loop;
    auto stay = boost::asio::make_work_guard(loop);
    std::thread runner([&] { loop.run(); });

    chorus::client llm(loop.get_executor(), lesson::at(server));
    auto answer = llm.async_complete(lesson::question("Why not?"), boost::asio::use_future);
    const chorus::result<chorus::chat_response> reply = answer.get();  // this thread waits; the loop does not
    std::cout << "the future's value: " << reply->text() << '\n';

    stay.reset();
    loop.stop();
    runner.join();
    return reply.has_value();
}

int main() {
    lesson::server server(lesson::answers_after(50ms));
    const bool task_held = chorus::run(with_a_task(server));
    const bool future_held = with_a_future(server);
    return lesson::verdict(task_held && future_held, "what is started early is ready when it is needed");
}
