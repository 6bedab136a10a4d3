// The header of a safetensors file: the format's rules as a pure function over
// bytes, so that it can be tested and fuzzed without files.
#ifndef R1_MODEL_SAFETENSORS_HEADER_H_
#define R1_MODEL_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/safetensors.h"

namespace r1 {

inline constexpr uint64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// Checks the header text (without its 8-byte length) of a file whose data
// section has `data_bytes` bytes: an object of {dtype, shape, data_offsets},
// each key once; sizes that fit; together covering the data section exactly
// once. Order and alignment of tensors in the data section are free.
// Memory: in proportion to the entries accepted so far; parsing stops at the
// first fault.
// Errors: InvalidArgument naming the tensor.
// Source: github.com/huggingface/safetensors, "Format".
absl::StatusOr<std::map<std::string, SafetensorsEntry>> ParseSafetensorsHeader(
    absl::string_view header, uint64_t data_bytes);

}  // namespace r1

#endif  // R1_MODEL_SAFETENSORS_HEADER_H_
