// A list of hosts without a proxy says the same in either case, and an entry more never takes another one away.
#include <chorus/policy/no_proxy.hpp>
#include <chorus/text.hpp>

#include <algorithm>
#include <string>
#include <string_view>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    using chorus::policy::no_proxy_list;
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    const no_proxy_list list(text);
    const no_proxy_list lower(chorus::detail::to_lower(text));
    const no_proxy_list longer(std::string(text) + ",added.example");
    const no_proxy_list twice(std::string(text) + "," + std::string(text));
    for (const chorus::http::origin& where : {chorus::http::origin{true, "api.example.com", 443},
                                              {true, "example.com", 8443},
                                              {false, "localhost", 80},
                                              {false, "127.0.0.1", 11434},
                                              {true, "10.1.2.3", 443},
                                              {true, "fd00::1", 443},
                                              {true, "::ffff:10.1.2.3", 443}}) {
        const bool is_covered = list.covers(where);
        fuzz::require(lower.covers(where) == is_covered, "the list is read without regard to case");
        fuzz::require(twice.covers(where) == is_covered, "saying it twice changes nothing");
        fuzz::require(!is_covered || longer.covers(where), "an entry more takes none away");
    }
    fuzz::require(longer.covers({true, "added.example", 443}), "what precedes an entry does not spoil it");
    return 0;
}
