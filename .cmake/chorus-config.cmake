# What find_package(chorus CONFIG) runs: the dependencies, chorus::chorus, and chorus::compiled for those who link it.
include(CMakeFindDependencyMacro)
find_dependency(Boost 1.81)
find_dependency(OpenSSL 3.0)
find_dependency(nlohmann_json 3.11)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/chorus-nghttp2.cmake")

include("${CMAKE_CURRENT_LIST_DIR}/chorus-targets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/chorus-compiled.cmake")
