// The safetensors container: strict reading of untrusted files, and writing.
#ifndef R1_MODEL_SAFETENSORS_H_
#define R1_MODEL_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace r1 {

enum class FileDType { kF32, kF16, kBF16, kOther };

struct SafetensorsEntry {
  std::string name;
  FileDType dtype = FileDType::kF32;
  std::string dtype_name;       // as in the file, e.g. "BF16"
  std::vector<int64_t> shape;   // empty for a scalar
  uint64_t begin = 0, end = 0;  // bytes in the data section
};

// An open file with a checked header. Reads with pread, so a file that shrinks
// is an error, not a crash.
// Threads: Read may be called from several threads.
class SafetensorsFile {
 public:
  // Errors: InvalidArgument for any deviation from the format (length,
  // overlap, hole, tail, duplicate, dtype size, …), naming file and tensor.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(
      const std::string& path);
  ~SafetensorsFile();

  const std::map<std::string, SafetensorsEntry>& entries() const {
    return entries_;
  }
  // Converts a floating tensor to fp32. `out` has the tensor's element count.
  // Errors: InvalidArgument for a dtype that is not F32, F16 or BF16.
  absl::Status ReadFloat(const SafetensorsEntry& entry,
                         absl::Span<float> out) const;

 private:
  SafetensorsFile() = default;
  std::string path_;
  int fd_ = -1;
  uint64_t data_begin_ = 0;
  std::map<std::string, SafetensorsEntry> entries_;
};

struct SafetensorsTensor {
  std::string name;
  std::vector<int64_t> shape;
  absl::Span<const float> data;
};

// Name and shape of a tensor whose data are made when they are written.
struct SafetensorsShape {
  std::string name;
  std::vector<int64_t> shape;
};

// Writes fp32 tensors (in the given order, 64-byte aligned header) with
// __metadata__ {"format": "pt"}, plainly: atomicity is the folder's business.
absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const SafetensorsTensor> tensors);
// The same, asking for the data of one tensor after the other; they last until
// the next is asked for.
absl::Status WriteSafetensors(
    const std::string& path, absl::Span<const SafetensorsShape> tensors,
    absl::FunctionRef<absl::Span<const float>(int index)> data);

}  // namespace r1

#endif  // R1_MODEL_SAFETENSORS_H_
