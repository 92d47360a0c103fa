# install() and the CMake package by which a plugin outside of the tree is built: against an installed
# tree, or against this build folder (-DPruneBench_DIR=<build>/package).
include(GNUInstallDirs)
set(prunebench_cmake ${CMAKE_INSTALL_LIBDIR}/cmake/PruneBench)
set(prunebench_headers base hydra/yaml config tokenizers tensor kernels core measure)

function(write_package output include_dir)
  file(WRITE ${output}/PruneBenchConfig.cmake "\
# find_package(PruneBench): prunebench_plugin(NAME SOURCES...) makes libNAME.so for bench --plugin.
get_filename_component(prunebench_here \"\${CMAKE_CURRENT_LIST_DIR}\" ABSOLUTE)
set(PRUNEBENCH_INCLUDE \"${include_dir}\")
set(PRUNEBENCH_TORCH \"${torch_dir}\" CACHE PATH \"LibTorch that bench was built with\")
set(PRUNEBENCH_COMPILER \"${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}\")
function(prunebench_plugin name)
  if(NOT \"\${CMAKE_CXX_COMPILER_ID} \${CMAKE_CXX_COMPILER_VERSION}\" STREQUAL PRUNEBENCH_COMPILER)
    message(WARNING \"bench was built by \${PRUNEBENCH_COMPILER}; another compiler may not fit\")
  endif()
  add_library(\${name} MODULE \${ARGN})
  set_target_properties(\${name} PROPERTIES CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON CXX_EXTENSIONS OFF)
  target_include_directories(\${name} PRIVATE \"\${PRUNEBENCH_INCLUDE}\")
  target_compile_definitions(\${name} PRIVATE FMT_SHARED)
  target_compile_options(\${name} PRIVATE -O2 -fopenmp \"SHELL:-idirafter \${PRUNEBENCH_TORCH}/include\"
    \"SHELL:-idirafter \${PRUNEBENCH_TORCH}/include/torch/csrc/api/include\")
endfunction()
")
endfunction()

# Against the sources as they lie here.
write_package(${CMAKE_BINARY_DIR}/package "${CMAKE_SOURCE_DIR}/framework")

# Installed: headers below include/prunebench, what the programs read below share/prunebench.
write_package(${CMAKE_BINARY_DIR}/package-installed "\${prunebench_here}/../../../include/prunebench")
install(TARGETS bench bench-engine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
foreach(folder ${prunebench_headers})
  install(DIRECTORY framework/${folder}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/prunebench/${folder}
          FILES_MATCHING PATTERN "*.h")
endforeach()
install(FILES ${CMAKE_BINARY_DIR}/package-installed/PruneBenchConfig.cmake DESTINATION ${prunebench_cmake})
install(DIRECTORY configs data DESTINATION ${CMAKE_INSTALL_DATADIR}/prunebench)
install(DIRECTORY results/published DESTINATION ${CMAKE_INSTALL_DATADIR}/prunebench/results)
