# Puts the built page into a target as bytes: an assembler file that includes each file of FOLDER, and a table of them
# (server/api/page.h). Without a built page, FALLBACK stands in as index.html and says how to build it.
function(fieldmark_embed_page target folder fallback)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS "${folder}/*")
  list(SORT files)
  if(NOT "${folder}/index.html" IN_LIST files)
    message(STATUS "no page in ${folder}: the server says how to build it instead")
    set(files "${fallback}")
  endif()

  set(assembly ".section .rodata\n")
  set(declarations "")
  set(entries "")
  set(number 0)
  foreach(file IN LISTS files)
    if(file STREQUAL fallback)
      set(path "index.html")
    else()
      file(RELATIVE_PATH path "${folder}" "${file}")
    endif()
    set(symbol "fieldmark_page_${number}")
    string(APPEND assembly ".global ${symbol}\n${symbol}:\n.incbin \"${file}\"\n"
           ".global ${symbol}_end\n${symbol}_end:\n.byte 0\n")
    string(APPEND declarations "extern const char ${symbol}[];\nextern const char ${symbol}_end[];\n")
    string(APPEND entries "      {\"/${path}\", {${symbol}, static_cast<size_t>(${symbol}_end - ${symbol})}},\n")
    math(EXPR number "${number} + 1")
  endforeach()
  string(APPEND assembly ".section .note.GNU-stack,\"\",%progbits\n")
  string(CONCAT table "#include <array>\n\n#include \"server/api/page.h\"\n\nextern \"C\" {\n${declarations}}\n\n"
      "namespace fieldmark::api {\n\nstd::span<const EmbeddedFile> EmbeddedFiles() {\n"
      "  static const std::array<EmbeddedFile, ${number}> files{{\n${entries}  }};\n  return files;\n}\n\n"
      "}  // namespace fieldmark::api\n")

  set(assembly_file "${CMAKE_CURRENT_BINARY_DIR}/page_bytes.S")
  set(table_file "${CMAKE_CURRENT_BINARY_DIR}/page_table.cc")
  file(CONFIGURE OUTPUT "${assembly_file}" CONTENT "${assembly}" @ONLY)
  file(CONFIGURE OUTPUT "${table_file}" CONTENT "${table}" @ONLY)
  set_source_files_properties("${assembly_file}" PROPERTIES OBJECT_DEPENDS "${files}")
  target_sources(${target} PRIVATE "${assembly_file}" "${table_file}")
endfunction()
