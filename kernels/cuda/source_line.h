// A line of the source, for messages; std::source_location where clang 14 has
// none.
#ifndef R1_KERNELS_CUDA_SOURCE_LINE_H_
#define R1_KERNELS_CUDA_SOURCE_LINE_H_

#include <string_view>

namespace r1::cuda {

struct SourceLine {
  const char* file = "";
  int line = 0;

  // As a default argument: the line of the call.
  static constexpr SourceLine Current(const char* file = __builtin_FILE(),
                                      int line = __builtin_LINE()) {
    return {file, line};
  }

  bool operator==(const SourceLine& other) const {
    return line == other.line && std::string_view(file) == other.file;
  }
};

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_SOURCE_LINE_H_
