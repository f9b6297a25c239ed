# embed(TARGET SYMBOL FOLDER PATTERN...) - build the files of a folder into a library as the table
# `const gn_embedded SYMBOL[]`, ended by a zeroed row; names are relative to FOLDER.
# As a script (cmake -P) it writes the C file.
if(CMAKE_SCRIPT_MODE_FILE)
  set(rows "")
  set(arrays "")
  set(n 0)
  separate_arguments(FILES UNIX_COMMAND "${FILES}")
  foreach(file IN LISTS FILES)
    file(READ "${FOLDER}/${file}" hex HEX)
    file(SIZE "${FOLDER}/${file}" size)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
    string(APPEND arrays "static const unsigned char file${n}[] = {${bytes}0};\n")
    string(APPEND rows "    {\"${file}\", file${n}, ${size}},\n")
    math(EXPR n "${n} + 1")
  endforeach()
  file(WRITE "${OUT}.new" "#include \"core/base/embed.h\"\nextern const gn_embedded ${SYMBOL}[];\n${arrays}const gn_embedded ${SYMBOL}[] = {\n${rows}    {0},\n};\n")
  file(COPY_FILE "${OUT}.new" "${OUT}" ONLY_IF_DIFFERENT)
  return()
endif()

set(embed_script ${CMAKE_CURRENT_LIST_FILE})
function(embed target symbol folder)
  set(globs ${ARGN})
  list(TRANSFORM globs PREPEND "${PROJECT_SOURCE_DIR}/${folder}/")
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/${folder} ${globs})
  list(SORT files)
  set(paths ${files})
  list(TRANSFORM paths PREPEND "${PROJECT_SOURCE_DIR}/${folder}/")
  list(JOIN files " " words)
  set(out ${PROJECT_BINARY_DIR}/generated/${symbol}.c)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/generated)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${PROJECT_SOURCE_DIR}/${folder} "-DFILES=${words}" -DSYMBOL=${symbol} -DOUT=${out} -P ${embed_script}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}
    DEPENDS ${paths} ${embed_script} VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
