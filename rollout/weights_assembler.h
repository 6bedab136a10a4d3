// Puts weights back together from the chunks of FetchWeights, and trusts them
// only if their hash is the expected one.
#ifndef R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_
#define R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "model/param_set.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Largest WeightsChunk.data in bytes: gRPC is fastest at 64 KiB to 1 MiB.
inline constexpr int64_t kWeightsChunkBytes = int64_t{1} << 20;

// Chunk number `index` of `flat`; the last one may be shorter.
WeightsChunk MakeWeightsChunk(absl::Span<const float> flat, int64_t index);
int64_t NumWeightsChunks(absl::Span<const float> flat);

// Threads: one caller at a time.
class WeightsAssembler {
 public:
  // Writes into `params`, whose content is undefined until Finish returns OK.
  explicit WeightsAssembler(ParamSet* params) : params_(params) {}

  // The next chunk, in order.  Errors: DataLoss for a gap, an overlap, a size
  // of the whole that is not the model's.
  absl::Status Add(const WeightsChunk& chunk);
  // Errors: DataLoss if chunks are missing or the hash is not id.sha256();
  // names version, expected and got.
  absl::Status Finish(const WeightsId& id) const;

 private:
  ParamSet* params_;
  int64_t received_bytes_ = 0;
};

}  // namespace r1

#endif  // R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_
