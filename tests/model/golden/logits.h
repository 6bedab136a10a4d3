// Logits of one sequence, as the tests compare them with other programs'.
#ifndef R1_TESTS_MODEL_GOLDEN_LOGITS_H_
#define R1_TESTS_MODEL_GOLDEN_LOGITS_H_

#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/matrix.h"
#include "kernels/ops.h"
#include "model/transformer.h"
#include "model/weights.h"

namespace r1 {

// [T, V] in rows, through the same calls that sampling and training make.
inline std::vector<float> AllLogits(const PolicyWeights& weights,
                                    const std::vector<int32_t>& tokens,
                                    Ops* ops) {
  const ModelConfig& config = weights.config();
  const int64_t T = tokens.size();
  Transformer transformer(config, ops);
  std::vector<int32_t> positions(T), pages(KvPages::PagesFor(T));
  std::iota(positions.begin(), positions.end(), 0);
  std::iota(pages.begin(), pages.end(), 0);
  const SequenceRows rows = {0, T, 0, pages};
  KvCache cache(config, pages.size(), CpuDevice());
  Buffer hidden(CpuDevice());
  const Tensor h = hidden.Reserve(T, config.hidden_size);
  const auto batch = ops->MakeBatch();
  ops->Prepare({tokens, positions, absl::MakeSpan(&rows, 1)}, batch.get());
  transformer.Forward(weights, *batch, &cache, nullptr, h);
  std::vector<float> logits(T * config.vocab_size);
  ops->MatMul(h, weights.head(), {}, Mat(logits.data(), T, config.vocab_size));
  return logits;
}

}  // namespace r1

#endif  // R1_TESTS_MODEL_GOLDEN_LOGITS_H_
