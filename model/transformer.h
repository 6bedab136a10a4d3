// The decoder: one forward pass for sampling, scoring and training, and its
// backward pass. Llama, Qwen2 and Qwen3 differ only by ModelConfig.
#ifndef R1_MODEL_TRANSFORMER_H_
#define R1_MODEL_TRANSFORMER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "kernels/arena.h"
#include "kernels/buffer.h"
#include "kernels/ops.h"
#include "model/gradients.h"
#include "model/kv_cache.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "model/weights.h"

namespace r1 {

// How much of a forward pass is kept for the backward pass, which computes the
// rest again: the same numbers, so that the choice never changes a result.
enum class Keep {
  kAll,          // all but the norms and the SwiGLU product
  kNoGateUp,     // nor gate and up: one product more a layer
  kLayerInputs,  // the residual stream before each layer
};

// What the backward pass needs of one forward pass over whole sequences.
// Reused from batch to batch; grows to the largest.
struct Activations {
  struct Layer {
    Tensor x_in;      // [T, C]           residual stream before attention
    Tensor qkv_raw;   // [T, (H + 2K) D]  before QK-norm; empty without it
    Tensor qkv;       // [T, (H + 2K) D]  q, k after RoPE; with QK-norm no v
    Tensor lse;       // [T, H]
    Tensor attended;  // [T, H D]
    Tensor x_mid;     // [T, C]           residual stream after attention
    Tensor gate_up;   // [T, 2F]; only with kAll
  };
  Activations(Keep keep, Device* device) : keep(keep), arena(device) {}

  const Keep keep;
  std::vector<Layer> layers;
  Layer recomputed;  // with kLayerInputs: all but x_in, of one layer at a time
  Tensor x_out;      // [T, C] residual stream before the final norm
  Arena arena;       // where they lie
};

// The rows of a prefix that sequences of several batches share: what the
// sequences so far add to dk and dv of these rows. The backward pass of the
// last batch alone goes on through the rows.
struct PrefixSums {
  int64_t row_begin = 0;       // of the prefix in the batch
  int64_t rows = 0;            // 0: nothing comes from the batch before
  int64_t open_rows = 0;       // of the prefix that goes on in the next batch
  std::vector<Buffer> layers;  // [rows, 2 K D] each: dk, dv
};

// Rows of which the feed-forward part of a layer, whose products are the widest
// of all, is computed at a time: long texts need memory for so many alone.
inline constexpr int64_t kFeedForwardRows = 4096;

// Scratch and constant tables; holds no weights.
// Threads: one caller at a time.
class Transformer {
 public:
  Transformer(const ModelConfig& config, Ops* ops);

  // hidden [T, C] = the final norm's output for every row. Writes the rows'
  // keys and values into `cache` and attends to what is there. With `saved`,
  // also keeps what Backward needs. A row's result depends only on its
  // sequence: not on the batch, on `saved`, or on how the sequence was cut
  // into calls.
  void Forward(const PolicyWeights& weights, const DeviceBatch& batch,
               KvCache* cache, Activations* saved, Tensor hidden);

  // Adds the gradient of all parameters but the head to `grads`, that of the
  // embedding to dembedding [V, C] (or empty), given dhidden [T, C]. `batch`,
  // `cache` and `saved` are those of one Forward call over whole sequences;
  // `saved` is used up. The last sums->open_rows rows of that call are the
  // prefix of earlier ones, and not in `batch`; `sums` then holds what they are
  // owed in the place of what it held before.
  void Backward(const PolicyWeights& weights, const DeviceBatch& batch,
                const KvCache& cache, Activations* saved, Tensor dhidden,
                PrefixSums* sums, Gradients grads, Tensor dembedding);

  const ModelConfig& config() const { return config_; }
  Ops* ops() const { return ops_; }

 private:
  // Room for what AttentionBlock computes of T rows; `is_saved`: for Backward.
  Activations::Layer TakeLayer(int64_t T, bool is_saved, Arena* arena) const;
  void AttentionBlock(const PolicyWeights& weights, int l,
                      const DeviceBatch& batch, const KvPages& pages,
                      const Activations::Layer& layer, Tensor x, Tensor out);
  void FeedForwardBlock(const PolicyWeights& weights, int l, Tensor x,
                        Tensor gate_up, Tensor out);
  void AttentionBlockBackward(const PolicyWeights& weights, int l,
                              const DeviceBatch& batch, const KvPages& pages,
                              const Activations::Layer& saved, Tensor x_in,
                              Tensor dx, PrefixSums* sums, Gradients grads);
  void FeedForwardBlockBackward(const PolicyWeights& weights, int l, Tensor x,
                                Tensor gate_up, Keep keep, Tensor dx,
                                Gradients grads);

  ModelConfig config_;
  Ops* ops_;
  float attention_scale_;
  std::shared_ptr<const Buffer> cos_sin_;  // [max_positions, D]
  DType dtype_;                            // of activations
  Arena scratch_;                          // reused by every layer
  Gradients::Scratch gradient_scratch_;
};

}  // namespace r1

#endif  // R1_MODEL_TRANSFORMER_H_
