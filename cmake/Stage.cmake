# A stage is one folder and one target, fm_<name>. It sees the headers of the stages it links and of no other: each
# stage's headers stand under an include directory of their own, build/stages/<name>, that only its links bring along.
# A file that includes a later stage therefore does not compile.
#
#   fieldmark_stage(PATH LINKS other_stage... LIBRARIES external::target...)
#
# Sources are the folder's *.cc; *_test.cc make the stage's test program, *_bench.cc its benchmark, *_fuzz.cc one fuzz
# target each (Fuzz.cmake).
function(fieldmark_stage path)
  cmake_parse_arguments(PARSE_ARGV 1 STAGE "" "" "LINKS;LIBRARIES;TEST_LINKS")
  get_filename_component(name "${path}" NAME)
  set(source_dir "${PROJECT_SOURCE_DIR}/${path}")
  # One tree for all build directories, so that a compiler cache recognises the same file in each.
  set(include_dir "${PROJECT_SOURCE_DIR}/build/stages/${name}")
  get_filename_component(parent "${include_dir}/${path}" DIRECTORY)
  file(MAKE_DIRECTORY "${parent}")
  if(NOT EXISTS "${include_dir}/${path}")
    file(CREATE_LINK "${source_dir}" "${include_dir}/${path}" SYMBOLIC)
  endif()

  file(GLOB sources CONFIGURE_DEPENDS "${source_dir}/*.cc")
  set(tests ${sources})
  set(benches ${sources})
  set(fuzzers ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")

  set(target fm_${name})
  list(TRANSFORM STAGE_LINKS PREPEND fm_)
  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC "${include_dir}")
    target_link_libraries(${target} PUBLIC ${STAGE_LINKS} ${STAGE_LIBRARIES} PRIVATE fieldmark_warnings)
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${include_dir}")
    target_link_libraries(${target} INTERFACE ${STAGE_LINKS} ${STAGE_LIBRARIES})
  endif()

  if(FIELDMARK_BUILD_TESTS AND tests)
    list(TRANSFORM STAGE_TEST_LINKS PREPEND fm_)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${target} ${STAGE_TEST_LINKS} fieldmark_warnings GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE FIELDMARK_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 TEST_PREFIX "${name}.")
  endif()
  if(FIELDMARK_BUILD_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE ${target} fieldmark_warnings benchmark::benchmark_main)
  endif()
  fieldmark_fuzz_targets(${target} ${fuzzers})
endfunction()
