// Lesson 19: an answer as a value of a C++ type. Its JSON schema is derived from the struct and sent along; what comes
// back is checked and converted. What does not fit is an error that names the place.
#include <chorus/structured.hpp>

#include <boost/describe.hpp>

#include <optional>
#include <vector>

#include "lesson.hpp"

using namespace std::chrono_literals;

enum class currency { euro, dollar };
BOOST_DESCRIBE_ENUM(currency, euro, dollar)

struct item {
    std::string name;
    int count;
    double price;
};
BOOST_DESCRIBE_STRUCT(item, (), (name, count, price))

struct invoice {
    std::string customer;
    currency paid_in;
    std::vector<item> items;
    std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(invoice, (), (customer, paid_in, items, note))

chorus::awaitable<int> co_main(lesson::wire over) {
    lesson::server server(lesson::answers_after(10ms));
    // What a model would answer; the second time it gets a number wrong.
    server.with([](auto& model) {
        const std::string lamps = R"({"customer":"Ada","paid_in":"euro","items":[{"name":"lamp","price":19.5,"count":)";
        model.expect().body_contains("json_schema").reply_text(lamps + R"(2}],"note":null})");
        model.expect().reply_text(lamps + R"("two"}],"note":null})");
    });
    chorus::client llm(co_await chorus::this_coro::executor, lesson::at(server), over.options());
    const auto request = lesson::question("Extract the invoice: Ada ordered 2 lamps at 19.50 euros each.");

    const auto found = co_await chorus::complete_as<invoice>(llm, request);
    double total = 0;
    for (const item& each : found.items) total += each.count * each.price;
    std::cout << found.customer << " owes " << total << '\n';

    const auto wrong = co_await chorus::try_complete_as<invoice>(llm, request);
    std::cout << (wrong ? "taken\n" : wrong.error().message() + '\n');

    const bool named = !wrong && wrong.error().message().find("items[0].count") != std::string::npos;
    co_return lesson::verdict(total == 39 && found.paid_in == currency::euro && named,
                              "a value of the type, or an error that says where it does not fit");
}

int main(int count, char** words) {
    return chorus::run(co_main(lesson::wire(count, words)));
}
