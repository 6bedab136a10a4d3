// top_p: which tokens a draw may take.
#ifndef R1_KERNELS_CPU_SAMPLE_FILTER_H_
#define R1_KERNELS_CPU_SAMPLE_FILTER_H_

#include "absl/types/span.h"

namespace r1::cpu {

// Sets the weights of the tokens that top_p excludes to zero; see Ops::Sample.
// weights: probabilities up to a common factor, in [0, 1], at least one of them
// positive. Takes time linear in the vocabulary, however flat the distribution
// is.
void FilterWeights(float top_p, absl::Span<float> weights);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_SAMPLE_FILTER_H_
