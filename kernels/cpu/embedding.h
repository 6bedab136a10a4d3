// Look-up of token embeddings and its gradient.
#ifndef R1_KERNELS_CPU_EMBEDDING_H_
#define R1_KERNELS_CPU_EMBEDDING_H_

#include <cstdint>

#include "absl/types/span.h"
#include "kernels/matrix.h"
#include "kernels/thread_pool.h"

namespace r1::cpu {

// See Ops::EmbeddingForward.
void EmbeddingForward(ThreadPool& pool, absl::Span<const int32_t> ids,
                      ConstMat table, Mat y);

// See Ops::EmbeddingBackward.
void EmbeddingBackward(ThreadPool& pool, absl::Span<const int32_t> ids,
                       ConstMat dy, Mat dtable);

}  // namespace r1::cpu

#endif  // R1_KERNELS_CPU_EMBEDDING_H_
