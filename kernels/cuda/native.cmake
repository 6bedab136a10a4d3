# The kernels for real devices, where there is an nvcc: library r1_cuda. Machine
# code for compute capability 8.0, 9.0 and 10.0 and no PTX, so that nothing is
# compiled when a program runs and its bits are those of the build.
set(R1_CUDA AUTO CACHE STRING
  "Compile for CUDA devices: AUTO (if there is an nvcc), ON or OFF")
set_property(CACHE R1_CUDA PROPERTY STRINGS AUTO ON OFF)
if(NOT R1_CUDA OR R1_SANITIZE OR R1_FUZZ)
  return()
endif()
find_program(R1_NVCC nvcc HINTS ENV CUDA_HOME /usr/local/cuda PATH_SUFFIXES bin)
if(R1_NVCC)
  execute_process(COMMAND ${R1_NVCC} --version OUTPUT_VARIABLE version)
  string(REGEX MATCH "release ([0-9.]+)" version "${version}")
  set(version "${CMAKE_MATCH_1}")
  get_filename_component(cuda "${R1_NVCC}" REALPATH)
  get_filename_component(cuda "${cuda}/../.." ABSOLUTE)
  find_library(R1_CUDART cudart_static HINTS ${cuda} PATH_SUFFIXES lib64 lib)
endif()
if(NOT R1_NVCC OR NOT R1_CUDART OR version VERSION_LESS 12.8)
  # 12.8 is the first to know 10.0.
  if(NOT R1_CUDA STREQUAL AUTO)
    message(FATAL_ERROR "R1_CUDA=${R1_CUDA}: nvcc 12.8 or later and its "
      "cudart_static are needed, found nvcc '${R1_NVCC}' ${version}; set "
      "CUDA_HOME, or R1_CUDA=OFF")
  endif()
  return()
endif()
message(STATUS "CUDA kernels by ${R1_NVCC} ${version}")

# -fmad=false: as -ffp-contract=off elsewhere. The three after it are nvcc's
# defaults, on which bits depend. 554: a conversion of kernels/matrix.h that
# nvcc says is never used.
set(flags -std=c++20 -O2 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
  -gencode=arch=compute_80,code=sm_80
  -gencode=arch=compute_90a,code=sm_90a
  -gencode=arch=compute_100,code=sm_100
  -diag-suppress=554 -Xptxas=-v -Xcompiler=-ffp-contract=off
  -ccbin=${CMAKE_CXX_COMPILER} -I${CMAKE_SOURCE_DIR})
set(objects)
set(reports)
foreach(source ${R1_CUDA_SOURCES})
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${source}.o)
  # What ptxas says of registers and spills, for check_spills.sh.
  set(report ${CMAKE_CURRENT_BINARY_DIR}/${source}.ptxas)
  add_custom_command(
    OUTPUT ${object} BYPRODUCTS ${report}
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/nvcc.sh ${report}
      ${CMAKE_CXX_COMPILER_LAUNCHER} ${R1_NVCC} ${flags}
      -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source}
    DEPFILE ${object}.d
    COMMENT "Building CUDA object ${source}.o" VERBATIM)
  list(APPEND objects ${object})
  list(APPEND reports ${report})
endforeach()
set_source_files_properties(${objects} PROPERTIES
  EXTERNAL_OBJECT ON GENERATED ON)
r1_library(r1_cuda
  SOURCES attention_tables.cc cuda_device.cc cuda_ops.cc row_tables.cc
    runtime_native.cc ${objects}
  DEPS
    r1_base r1_kernels absl::span absl::status absl::statusor absl::strings
    absl::synchronization)
target_include_directories(r1_cuda SYSTEM PRIVATE ${cuda}/include)
target_link_libraries(r1_cuda PUBLIC
  ${R1_CUDART} Threads::Threads ${CMAKE_DL_LIBS} rt)
set_target_properties(r1_cuda PROPERTIES R1_PTXAS_REPORTS "${reports}")
