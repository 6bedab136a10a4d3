// How weights travel: in chunks, put back together and trusted only if their
// hash is the expected one.
#ifndef R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_
#define R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "model/weights.h"
#include "proto/rollout.pb.h"

namespace r1 {

// Largest WeightsChunk.data in bytes: gRPC is fastest at 64 KiB to 1 MiB.
inline constexpr int64_t kWeightsChunkBytes = int64_t{1} << 20;

// Chunk number `index` of the tensors in the order of their layout, fp32; the
// last one may be shorter.
WeightsChunk MakeWeightsChunk(const PolicyWeights& weights, int64_t index);
int64_t NumWeightsChunks(const PolicyWeights& weights);

// Threads: one caller at a time.
class WeightsAssembler {
 public:
  // Writes into `weights`, whose content is undefined until Finish returns OK.
  explicit WeightsAssembler(PolicyWeights* weights) : weights_(weights) {}

  // The next chunk, in order.  Errors: DataLoss for a gap, an overlap, half a
  // number, a size of the whole that is not the model's.
  absl::Status Add(const WeightsChunk& chunk);
  // Errors: DataLoss if chunks are missing or the hash is not id.sha256();
  // names version, expected and got.
  absl::Status Finish(const WeightsId& id, Ops* ops) const;

 private:
  PolicyWeights* weights_;
  int64_t received_bytes_ = 0;
};

}  // namespace r1

#endif  // R1_ROLLOUT_WEIGHTS_ASSEMBLER_H_
