// The umbrella of structured output: answers as C++ types. Apart from <chorus/chorus.hpp>, because it takes a JSON
// library and Boost.Describe to compile.
#pragma once

#include <chorus/structured/complete_as.hpp>
#include <chorus/structured/described.hpp>
#include <chorus/structured/from_json.hpp>
#include <chorus/structured/response_format.hpp>
#include <chorus/structured/schema.hpp>
#include <chorus/structured/stream_as.hpp>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
