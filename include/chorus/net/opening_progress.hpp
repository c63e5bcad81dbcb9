// How far the opening of a connection has come, for who limits its stages.
#pragma once

#include <chorus/error.hpp>

namespace chorus::net {

/// Is told of each stage of an opening as it begins. A stage may begin again: one for each address that is tried.
class opening_progress {
 public:
    virtual void begins(phase stage) = 0;

 protected:
    ~opening_progress() = default;
};

}  // namespace chorus::net
