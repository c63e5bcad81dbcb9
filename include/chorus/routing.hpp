// The umbrella of routing: calls that have more than one way to an answer. Apart from <chorus/chorus.hpp>, so that who
// needs none compiles none.
#pragma once

#include <chorus/routing/fallback.hpp>
#include <chorus/routing/hedged.hpp>
#include <chorus/routing/route.hpp>
#include <chorus/routing/routed_stream.hpp>
