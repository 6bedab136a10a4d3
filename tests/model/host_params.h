// The elements of a ParamSet, which tests read and change in place, and tensors
// of files from memory.
#ifndef R1_TESTS_MODEL_HOST_PARAMS_H_
#define R1_TESTS_MODEL_HOST_PARAMS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "model/param_set.h"
#include "model/safetensors.h"

namespace r1 {

inline absl::Span<float> HostSpan(const Tensor& vector) {
  return absl::MakeSpan(Mat(vector).data, vector.count());
}
// All, with the zeros between tensors.
inline absl::Span<float> Flat(ParamSet& params) {
  return HostSpan(params.flat());
}
inline absl::Span<const float> Flat(const ParamSet& params) {
  return HostSpan(params.flat());
}
// Of one tensor; none for index -1.
inline absl::Span<float> Elements(ParamSet& params, int index) {
  return HostSpan(params.tensor(index));
}
inline absl::Span<const float> Elements(const ParamSet& params, int index) {
  return HostSpan(params.tensor(index));
}
inline void SetZero(ParamSet& params) {
  for (float& x : Flat(params)) x = 0;
}
inline ParamSet Clone(const ParamSet& params) {
  ParamSet copy(params.shared_layout());
  const auto from = Flat(params);
  std::copy(from.begin(), from.end(), Flat(copy).begin());
  return copy;
}

// `values` outlives the result.
inline SafetensorsTensor FileTensor(std::string name,
                                    std::vector<int64_t> shape,
                                    absl::Span<const float> values) {
  return {std::move(name), std::move(shape),
          [values](int64_t begin, absl::Span<float> out) {
            std::copy_n(values.begin() + begin, out.size(), out.begin());
          }};
}

}  // namespace r1

#endif  // R1_TESTS_MODEL_HOST_PARAMS_H_
