#include "reward/sandbox/embedded.h"

// Puts the bytes of a file between two symbols. CMake gives the paths and makes
// this file depend on them.
#define R1_EMBED(name, path)                            \
  asm(".section .rodata\n"                              \
      ".global " #name "_begin\n" #name "_begin:\n"     \
      ".incbin \"" path "\"\n"                          \
      ".global " #name "_end\n" #name "_end:\n"         \
      ".byte 0\n.previous\n");                          \
  extern "C" const char name##_begin[], name##_end[];

R1_EMBED(r1_launcher, R1_LAUNCHER_FILE)
R1_EMBED(r1_zygote_library, R1_ZYGOTE_LIBRARY_FILE)
R1_EMBED(r1_zygote_script, R1_ZYGOTE_SCRIPT_FILE)

namespace r1 {
namespace {

absl::string_view Between(const char* begin, const char* end) {
  return absl::string_view(begin, end - begin);
}

}  // namespace

absl::string_view LauncherProgram() {
  return Between(r1_launcher_begin, r1_launcher_end);
}
absl::string_view ZygoteLibrary() {
  return Between(r1_zygote_library_begin, r1_zygote_library_end);
}
absl::string_view ZygoteScript() {
  return Between(r1_zygote_script_begin, r1_zygote_script_end);
}

}  // namespace r1
