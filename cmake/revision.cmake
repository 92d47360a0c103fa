# Writes OUTPUT (a C++ string literal) where what git says of ROOT is another than it holds.
execute_process(COMMAND git -C "${ROOT}" describe --always --dirty --tags
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(revision "")
endif()
set(text "#define BENCH_REVISION \"${revision}\"\n")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT "${text}" STREQUAL "${before}")
  file(WRITE "${OUTPUT}" "${text}")
endif()
