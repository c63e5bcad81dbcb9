// Version and the one switch of the library: header-only (the default) or compiled once.
#pragma once

#define CHORUS_VERSION_MAJOR 0
#define CHORUS_VERSION_MINOR 1
#define CHORUS_VERSION_PATCH 0
#define CHORUS_VERSION_STRING "0.1.0"

// With CHORUS_SEPARATE_COMPILATION defined, headers only declare, and exactly one translation unit of the program
// includes <chorus/src.hpp>. The CMake target chorus::compiled does both. Without it every body is inline.
//
// CHORUS_LAZY declares, and CHORUS_LAZY_DECL defines, what many programs do not call and g++ without optimisation would make
// code of all the same, as of every coroutine and virtual function that it sees: a template where its body is in the header.
#ifdef CHORUS_SEPARATE_COMPILATION
#define CHORUS_DECL
#define CHORUS_LAZY
#define CHORUS_LAZY_DECL
#else
#define CHORUS_DECL inline
#define CHORUS_LAZY template <class Unused = void>
#define CHORUS_LAZY_DECL template <class Unused>
#endif
