// The umbrella of seeing what happens: what can be told of the calls of a client. A program that only derives from
// `observer` needs no more than <chorus/observe/observer.hpp>.
#pragma once

#include <chorus/observe/error_type.hpp>
#include <chorus/observe/latency_histogram.hpp>
#include <chorus/observe/metrics.hpp>
#include <chorus/observe/observer.hpp>
#include <chorus/observe/observers.hpp>
#include <chorus/observe/otlp_exporter.hpp>
#include <chorus/observe/spans.hpp>
#include <chorus/observe/text_logger.hpp>
