# The NVIDIA device, a module of its own that is loaded when a GPU is asked for.
#   GNEISS_CUDA   AUTO (where CMake finds nvcc), ON, OFF
set(GNEISS_CUDA AUTO CACHE STRING "build the CUDA module: AUTO, ON or OFF")
set(GNEISS_CUDA_ARCHITECTURES "80;90;100" CACHE STRING "what the CUDA module is compiled for")

if(GNEISS_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    add_subdirectory(core/cuda)
  elseif(GNEISS_CUDA STREQUAL "AUTO")
    message(STATUS "no CUDA toolkit: gneiss will run on the processor only")
  else()
    message(FATAL_ERROR "GNEISS_CUDA=ON and no CUDA toolkit was found (is nvcc on the PATH?)")
  endif()
endif()
