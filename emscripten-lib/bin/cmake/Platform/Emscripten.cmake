# Emscripten's toolchain for CMake, with the compilers of bin/ (see emconfigure). CMake reads it twice, as Emscripten's own:
# as the toolchain file, and by its name as what the platform Emscripten is.
execute_process(COMMAND em-config EMSCRIPTEN_ROOT OUTPUT_VARIABLE _emscripten OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
include("${_emscripten}/cmake/Modules/Platform/Emscripten.cmake")
get_filename_component(_bin "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(CMAKE_C_COMPILER "${_bin}/emcc")
set(CMAKE_CXX_COMPILER "${_bin}/em++")
list(PREPEND CMAKE_MODULE_PATH "${_bin}/cmake")
