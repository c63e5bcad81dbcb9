// The umbrella of tools: functions that a model may call. Apart from <chorus/chorus.hpp>, because it takes a JSON
// library and Boost.Describe to compile.
#pragma once

#include <chorus/tools/argument_check.hpp>
#include <chorus/tools/run_calls.hpp>
#include <chorus/tools/run_tools.hpp>
#include <chorus/tools/tool_observer.hpp>
#include <chorus/tools/tool_set.hpp>
#include <chorus/tools/typed_tool.hpp>
