# Everything is linked in but the C library, so that what is built runs on machines that have none of it: for wheels.
# Defines simdjson::simdjson, and spdlog::spdlog and tomlplusplus::tomlplusplus as headers alone; what is searched for
# after it is found as static libraries.
#
# FIELDMARK_SIMDJSON_SOURCE: simdjson.cpp of the release whose header is installed; Debian has it in no static library.
set(FIELDMARK_SIMDJSON_SOURCE "" CACHE FILEPATH "simdjson.cpp of the release whose header is installed")
if(NOT EXISTS "${FIELDMARK_SIMDJSON_SOURCE}")
  message(FATAL_ERROR "building self-contained: found no file '${FIELDMARK_SIMDJSON_SOURCE}'; "
                      "set FIELDMARK_SIMDJSON_SOURCE to simdjson.cpp, as ./dev wheel does")
endif()

set(CMAKE_FIND_LIBRARY_SUFFIXES ".a")
set(Boost_USE_STATIC_LIBS ON)
# Hidden, static libraries that were compiled for programs fit into the extension as well; and its symbols meet no other's.
add_link_options(-static-libstdc++ -static-libgcc "LINKER:--exclude-libs,ALL" "LINKER:--gc-sections")
add_compile_options(-ffunction-sections -fdata-sections)

find_package(Threads REQUIRED)
find_path(simdjson_include simdjson.h REQUIRED)
add_library(fieldmark_simdjson STATIC "${FIELDMARK_SIMDJSON_SOURCE}")
target_include_directories(fieldmark_simdjson SYSTEM PUBLIC "${simdjson_include}")
add_library(simdjson::simdjson ALIAS fieldmark_simdjson)

find_path(spdlog_include spdlog/spdlog.h REQUIRED)
add_library(spdlog::spdlog INTERFACE IMPORTED GLOBAL)
target_include_directories(spdlog::spdlog INTERFACE "${spdlog_include}")
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
target_link_libraries(spdlog::spdlog INTERFACE Threads::Threads)

find_path(tomlplusplus_include toml++/toml.h REQUIRED)
add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED GLOBAL)
target_include_directories(tomlplusplus::tomlplusplus INTERFACE "${tomlplusplus_include}")
