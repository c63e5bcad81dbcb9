# Defines chorus::compiled: every body of chorus in one translation unit, generated in the build tree of whoever asks,
# so that it is built by their compiler with their flags (standard, sanitizers, link-time optimisation).
if(NOT TARGET chorus::compiled)
    set(chorus_unit "${CMAKE_CURRENT_BINARY_DIR}/chorus-compiled/chorus.cpp")
    file(CONFIGURE OUTPUT "${chorus_unit}" CONTENT "#include <chorus/src.hpp>\n")

    add_library(chorus_compiled STATIC EXCLUDE_FROM_ALL "${chorus_unit}")
    add_library(chorus::compiled ALIAS chorus_compiled)
    target_link_libraries(chorus_compiled PUBLIC chorus::chorus)
    target_compile_definitions(chorus_compiled PUBLIC CHORUS_SEPARATE_COMPILATION)
    set_target_properties(chorus_compiled PROPERTIES OUTPUT_NAME chorus POSITION_INDEPENDENT_CODE ON)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        # g++ warns of coroutine frames that hold a lambda in an included file. This file is included once in a program.
        target_compile_options(chorus_compiled PRIVATE -Wno-subobject-linkage)
        # In position-independent code g++ inlines no function that another library could replace, unless told that none
        # will. Clang takes that for granted.
        target_compile_options(chorus_compiled PRIVATE -fno-semantic-interposition)
    endif()
    unset(chorus_unit)
endif()
