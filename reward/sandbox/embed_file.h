// A file's bytes inside the program.
#ifndef R1_REWARD_SANDBOX_EMBED_FILE_H_
#define R1_REWARD_SANDBOX_EMBED_FILE_H_

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

#endif  // R1_REWARD_SANDBOX_EMBED_FILE_H_
