// The main job of the library: a file of prompts goes in, as many calls as wanted are under way at once on one thread,
// answers come out as they complete. See batch/options.hpp, or --help.
#include <chorus/chorus.hpp>

#include <exception>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "batch/answer_file.hpp"
#include "batch/answer_line.hpp"
#include "batch/descriptors.hpp"
#include "batch/destination.hpp"
#include "batch/job.hpp"
#include "batch/options.hpp"
#include "batch/progress.hpp"
#include "batch/prompts.hpp"
#include "batch/terminal.hpp"

namespace batch {

using namespace std::chrono_literals;

std::vector<prompt> select(std::vector<prompt> prompts, const options& wanted) {
    if (!wanted.live || wanted.all || prompts.size() <= live_prompts) return prompts;
    std::cerr << "Sending the first " << live_prompts << " of " << prompts.size() << " prompts; --all sends all.\n";
    prompts.resize(live_prompts);
    return prompts;
}

chorus::awaitable<void> show_progress(const progress& seen, status_line& status) {
    while (status.visible()) {
        status.show(seen.line(chorus::clock::now()));
        co_await chorus::sleep_for(100ms);
    }
}

/// Returns the exit status of the program.
chorus::awaitable<int> answer(const options& wanted) {
    const std::string text = read_text(wanted.prompts);
    const std::vector<prompt> prompts = split_prompts(text);
    destination to = find_destination(wanted);  // before the file is touched
    std::optional<answer_file> file;
    if (!wanted.out.empty()) file.emplace(wanted.out, prompts.size());

    std::vector<prompt> missing = select(prompts, wanted);
    const std::size_t selected = missing.size();
    std::erase_if(missing, [&](const prompt& each) { return file && file->has(each.index); });

    const std::size_t concurrency = affordable_concurrency(wanted.concurrency, to.mock ? 2 : 1);
    chorus::client llm(
        co_await chorus::this_coro::executor, to.api,
        chorus::client_options().max_connections(concurrency).connect_timeout(30s).tls_timeout(30s).tls(to.tls));

    progress seen(selected, selected - missing.size(), chorus::clock::now());
    status_line status;
    auto write = [&](const prompt& question, const reply& outcome) {
        const std::string line = answer_line(question.index, outcome);
        if (file) {
            file->append(question.index, line);
        } else if (!(std::cout << line << std::flush)) {
            throw std::runtime_error("cannot write to standard output");
        }
        if (!outcome && outcome.error() == chorus::errc::invalid_argument)
            status.print("line " + std::to_string(question.line) + ": " + outcome.error().message());
    };
    auto work = [&](chorus::task_group& group) -> chorus::awaitable<void> {
        group.spawn(show_progress(seen, status));
        co_await ask_all(llm, missing, wanted.model, concurrency, seen, write);
        group.cancel();
    };
    std::exception_ptr stopped;
    try {
        co_await chorus::with_task_group(work);
        if (file && wanted.ordered) file->sort();
    } catch (...) {
        stopped = std::current_exception();
    }
    const bool interrupted = stopped && chorus::error::from_exception(stopped) == chorus::condition::cancelled;
    const auto pool = llm.pool_stats();
    status.print((interrupted ? "Interrupted: " : "") + seen.summary(chorus::clock::now()));
    std::cerr << "  connections: " << pool.opened << " opened, " << pool.reused << " times one was reused\n";
    if (file) std::cerr << "  answers: " << wanted.out << '\n';
    if (file && !seen.complete()) std::cerr << "  The same command again does what is missing.\n";
    if (stopped) std::rethrow_exception(stopped);
    co_return seen.complete() ? 0 : 1;
}

}  // namespace batch

int main(int count, char** words) {
    try {
        const auto wanted = batch::parse({words + 1, words + count});
        if (!wanted.help) return chorus::run(batch::answer(wanted));
        std::cout << batch::usage;
        return 0;
    } catch (const std::invalid_argument& problem) {
        std::cerr << "batch: " << problem.what() << "\nSee batch --help.\n";
        return 2;
    } catch (const std::exception& problem) {
        std::cerr << "batch: " << problem.what() << '\n';
        return 1;
    }
}
