// The umbrella of traffic control: gates that hold calls back, or refuse them. Apart from <chorus/chorus.hpp>, so that
// who needs none compiles none.
#pragma once

#include <chorus/traffic/budget.hpp>
#include <chorus/traffic/circuit_breakers.hpp>
#include <chorus/traffic/traffic_control.hpp>
