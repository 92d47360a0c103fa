# cmake -DOUTPUT=x.cpp -DFILES=a;b -DCHART=path -P embed.cmake
# Writes a C++ file with one function for each file that returns its bytes: page.html -> page_html().
function(embed path name)
  set(bytes "")
  if(path)
    file(READ "${path}" bytes HEX)
    string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
  endif()
  file(APPEND "${OUTPUT}.new" "std::string_view ${name}() {\n"
       "  static constexpr char kBytes[] = {${bytes}'\\0'};\n"
       "  return {kBytes, sizeof kBytes - 1};\n}\n")
endfunction()

file(WRITE "${OUTPUT}.new" "#include \"reports/page/files.h\"\nnamespace bench::page {\n")
foreach(path ${FILES})
  get_filename_component(name "${path}" NAME)
  string(REPLACE "." "_" name "${name}")
  embed("${path}" ${name})
endforeach()
embed("${CHART}" chart_js)
file(APPEND "${OUTPUT}.new" "}  // namespace bench::page\n")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
