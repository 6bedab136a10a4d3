// A file's bytes inside the program, and bytes of the program as a file.
#ifndef R1_REWARD_SANDBOX_EMBED_FILE_H_
#define R1_REWARD_SANDBOX_EMBED_FILE_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "absl/strings/string_view.h"

// Defines, for one source file, the symbols NAME_begin and NAME_end around the
// bytes of the file at `path`. CMake makes the source depend on the file.
#define R1_EMBED_FILE(name, path)       \
  asm(".section .rodata\n"              \
      ".global " #name "_begin\n" #name \
      "_begin:\n"                       \
      ".incbin \"" path                 \
      "\"\n"                            \
      ".global " #name "_end\n" #name   \
      "_end:\n"                         \
      ".byte 0\n.previous\n");          \
  extern "C" const char name##_begin[], name##_end[]

// The bytes, as a view.
#define R1_EMBEDDED(name) \
  absl::string_view(name##_begin, name##_end - name##_begin)

namespace r1 {

// The bytes as a file in memory that nobody can change; -1 if there is no room.
inline int SealedFile(const char* name, absl::string_view bytes) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  while (fd >= 0 && !bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) {
      ::close(fd);
      return -1;
    }
    bytes.remove_prefix(n);
  }
  if (fd >= 0) {
    ::fcntl(fd, F_ADD_SEALS,
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  }
  return fd;
}

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_EMBED_FILE_H_
