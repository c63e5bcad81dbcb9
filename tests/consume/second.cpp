// The other translation unit: it names something of every floor that has a body.
#include <chorus/chorus.hpp>

#include <string>

std::string second() {
    return chorus::error(chorus::errc::rate_limited, "as expected").message();
}
