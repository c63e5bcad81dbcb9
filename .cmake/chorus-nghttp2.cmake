# Finds nghttp2, which Debian ships without a CMake package, and defines chorus::nghttp2 for it.
if(NOT TARGET chorus::nghttp2)
    find_path(CHORUS_NGHTTP2_INCLUDE_DIR nghttp2/nghttp2.h)
    find_library(CHORUS_NGHTTP2_LIBRARY nghttp2)
    mark_as_advanced(CHORUS_NGHTTP2_INCLUDE_DIR CHORUS_NGHTTP2_LIBRARY)
    if(CHORUS_NGHTTP2_INCLUDE_DIR AND CHORUS_NGHTTP2_LIBRARY)
        add_library(chorus::nghttp2 UNKNOWN IMPORTED)
        set_target_properties(chorus::nghttp2 PROPERTIES IMPORTED_LOCATION "${CHORUS_NGHTTP2_LIBRARY}"
                              INTERFACE_INCLUDE_DIRECTORIES "${CHORUS_NGHTTP2_INCLUDE_DIR}")
    endif()
endif()
