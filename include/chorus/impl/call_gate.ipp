#pragma once

#include <chorus/call_gate.hpp>

namespace chorus {

/// Of a gate where nobody waits.
CHORUS_DECL awaitable<call_gate::entry> call_gate::enter(const gated_call& call, clock::time_point) {
    co_return try_enter(call);
}

}  // namespace chorus
