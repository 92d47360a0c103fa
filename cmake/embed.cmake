# cmake -DOUTPUT=x.cpp -DHTML=page.html -DSTYLE=style.css "-DSCRIPTS=a.js;b.js" -P embed.cmake
# Writes a C++ file with functions that return their bytes; the scripts are one, in the order given.
function(embed name)
  set(all "")
  foreach(path ${ARGN})
    file(READ "${path}" bytes HEX)
    string(APPEND all "${bytes}0a")
  endforeach()
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," all "${all}")
  file(APPEND "${OUTPUT}.new" "std::string_view ${name}() {\n"
       "  static constexpr char kBytes[] = {${all}'\\0'};\n"
       "  return {kBytes, sizeof kBytes - 1};\n}\n")
endfunction()

file(WRITE "${OUTPUT}.new" "#include \"reports/page/files.h\"\nnamespace bench::page {\n")
embed(html "${HTML}")
embed(style "${STYLE}")
embed(script ${SCRIPTS})
file(APPEND "${OUTPUT}.new" "}  // namespace bench::page\n")
file(RENAME "${OUTPUT}.new" "${OUTPUT}")
