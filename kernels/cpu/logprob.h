// How the log-probabilities of a batch are cut into chunks.
#ifndef R1_KERNELS_CPU_LOGPROB_H_
#define R1_KERNELS_CPU_LOGPROB_H_

#include <cstdint>

namespace r1::cpu {

// Rows of logits held at a time. Enough rows that streaming the head from
// memory costs less than the products, few enough that they stay in cache.
int64_t LogprobChunkRows(int64_t vocabulary);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_LOGPROB_H_
