# One target a folder, and a folder sees only those it names: the include path of a room is a folder of
# links to what it may include, so that a wrong arrow does not compile.
#
#   bench_room(core FOLDER framework/core SEES base config tensor LIBS fmt::fmt [OBJECT])
#
# SEES is transitive: what a room sees, whoever sees the room sees too.
set_property(GLOBAL PROPERTY ENGINE_ROOMS "")

function(bench_room name)
  cmake_parse_arguments(room "OBJECT" "FOLDER" "SEES;LIBS" ${ARGN})
  set(folder "${CMAKE_SOURCE_DIR}/${room_FOLDER}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp" "${folder}/*/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/page/")
  set(kind STATIC)
  if(room_OBJECT)  # a static library would drop self-registering files
    set(kind OBJECT)
    set_property(GLOBAL APPEND PROPERTY ENGINE_ROOMS room_${name})
  endif()
  add_library(room_${name} ${kind} ${sources})

  set(links "${CMAKE_BINARY_DIR}/rooms/${name}")
  set(seen ${name})
  foreach(other ${room_SEES})
    get_property(behind GLOBAL PROPERTY ROOM_SEES_${other})
    list(APPEND seen ${other} ${behind})
  endforeach()
  list(REMOVE_DUPLICATES seen)
  set_property(GLOBAL PROPERTY ROOM_FOLDER_${name} "${folder}")
  set_property(GLOBAL PROPERTY ROOM_SEES_${name} "${seen}")
  file(REMOVE_RECURSE "${links}")
  file(MAKE_DIRECTORY "${links}")
  foreach(other ${seen})
    get_property(of GLOBAL PROPERTY ROOM_FOLDER_${other})
    file(CREATE_LINK "${of}" "${links}/${other}" SYMBOLIC)
  endforeach()
  target_include_directories(room_${name} PRIVATE "${links}")
  target_link_libraries(room_${name} PUBLIC options ${room_LIBS})
  if(NOT room_OBJECT)
    foreach(other ${room_SEES})
      target_link_libraries(room_${name} PUBLIC room_${other})
    endforeach()
  endif()
endfunction()

# The folders that bind everything together (experiments, tests, benchmarks) see the whole house.
function(bench_sees_all target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/framework
                                               ${CMAKE_SOURCE_DIR}/experiments)
endfunction()
