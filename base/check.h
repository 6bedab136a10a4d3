// R1_CHECK aborts on a bug of our own (a broken invariant inside the process).
// It is never the answer to input, files, peers or configuration: those return
// absl::Status.
#ifndef R1_BASE_CHECK_H_
#define R1_BASE_CHECK_H_

namespace r1::internal {
// Prints "file:line: check failed: condition (detail)" and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const char* detail);
}  // namespace r1::internal

// R1_CHECK(condition, "what must hold"): active in every build type.
#define R1_CHECK(condition, detail)                                        \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::r1::internal::CheckFailed(__FILE__, __LINE__, #condition, detail); \
  } while (false)

#endif  // R1_BASE_CHECK_H_
