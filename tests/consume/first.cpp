// One of two translation units of a program that uses chorus: what the whole library defines twice fails to link.
#include <chorus/chorus.hpp>

#include <iostream>

std::string second();

chorus::awaitable<void> co_main() {
    std::cout << second() << '\n';
    co_return;
}

int main() {
    return chorus::run(co_main());
}
