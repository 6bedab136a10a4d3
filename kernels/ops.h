// The contracts of every operation a dense decoder needs, forward and
// backward. The CPU set is MakeCpuOps(); a CUDA set implements the same class.
//
// Shape letters, here and everywhere:
//   T tokens in a packed batch   S sequences   C channels (hidden size)
//   H query heads   K key/value heads   D head size   F feed-forward size
//   V vocabulary    N, M, any other extent
//
// Rules that every implementation keeps:
//   1. A row's output depends on that row alone: not on the other rows of the
//      batch, their number, the number of threads or the path (decode, chunked
//      prefill, packed training). Reductions over channels, keys and the
//      vocabulary run in one order fixed by absolute index.
//   2. Reductions over tokens (weight gradients) run in packed order.
//   3. Gradients of parameters are accumulated (+=); all other outputs are
//      assigned (=) unless the comment says otherwise.
//   4. Outputs do not alias inputs unless the comment allows it.
//   5. Sizes may be zero. Shape mismatches are bugs of the caller: R1_CHECK.
// Arithmetic is fp32 throughout on the CPU.
//
// Threads: an Ops object serves one caller at a time; different objects are
// independent.
#ifndef R1_KERNELS_OPS_H_
#define R1_KERNELS_OPS_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "kernels/linear.h"
#include "kernels/matrix.h"

namespace r1 {

// y = a or y += a.
enum class Store { kAssign, kAccumulate };

// Keys per page of the KV cache. Attention reduces over keys page by page from
// position 0, so this number is part of the numerics, not a tuning knob.
inline constexpr int kPageTokens = 32;

// One layer's keys and values in pages. Page p holds, for each kv-head, the
// keys transposed [D, kPageTokens], then the values [kPageTokens, D].
struct KvPages {
  float* data = nullptr;  // [num_pages, K, 2, D * kPageTokens]
  int64_t num_pages = 0;
  int num_kv_heads = 0;
  int head_dim = 0;

  int64_t page_stride() const {
    return int64_t{2} * num_kv_heads * head_dim * kPageTokens;
  }
  static int64_t PagesFor(int64_t tokens) {
    return (tokens + kPageTokens - 1) / kPageTokens;
  }
};

// The rows of one sequence inside a packed batch.
struct SequenceRows {
  int64_t row_begin = 0;       // first row in the batch
  int64_t row_count = 0;       // rows in this call (1 when decoding)
  int64_t first_position = 0;  // absolute position of the first row
  // pages[i] holds positions [i * kPageTokens, (i + 1) * kPageTokens); covers
  // at least first_position + row_count positions.
  absl::Span<const int32_t> pages;
  // For AttentionBackward, where first_position > 0: the row of position 0.
  // The positions before first_position, a prefix that several sequences may
  // share, are the rows from there on.
  int64_t prefix_begin = 0;
};

struct SampleRequest {
  float temperature = 1;     // 0: the most likely token, lowest id on a tie
  float top_p = 1;           // 1: off
  uint32_t random_bits = 0;  // one Philox word; decides the draw
};

struct AdamWParams {
  float learning_rate = 0;
  float beta1 = 0.9f;
  float beta2 = 0.999f;
  float epsilon = 1e-8f;
  float weight_decay = 0;    // decoupled: p -= lr * weight_decay * p
  int64_t step = 1;          // 1 for the first update; bias correction
  float gradient_scale = 1;  // multiplies the gradient first (clipping)
};

class Ops {
 public:
  virtual ~Ops() = default;

  // --- Embedding ----------------------------------------------------------
  // y[t] = table[ids[t]].  Shapes: ids [T], table [V, C], y [T, C].
  virtual void EmbeddingForward(absl::Span<const int32_t> ids, ConstMat table,
                                Mat y) = 0;
  // dtable[ids[t]] += dy[t], in packed order.
  virtual void EmbeddingBackward(absl::Span<const int32_t> ids, ConstMat dy,
                                 Mat dtable) = 0;

  // --- RMSNorm (Zhang and Sennrich 2019, eq. 4) ---------------------------
  // Each row is `groups` chunks of D = cols / groups channels, normalised
  // apart: y = x / sqrt(mean(x^2) + eps) * w.  groups = 1 for the layer norms,
  // H or K for QK-norm.  Shapes: x, y [T, groups * D], w [D].  y may be x.
  virtual void RmsNormForward(ConstMat x, absl::Span<const float> w, int groups,
                              float eps, Mat y) = 0;
  // dx = (or +=, by `store`) gradient through the norm; dw [D] += , or empty to
  // skip.  x is the input of the forward pass.  dx may be dy.
  virtual void RmsNormBackward(ConstMat x, absl::Span<const float> w,
                               int groups, float eps, ConstMat dy, Store store,
                               Mat dx, absl::Span<float> dw) = 0;

  // --- Rotary embedding (Su et al. 2021), half-split layout ---------------
  // Rotates each head's pair (x[i], x[i + D/2]) by the angle of (position, i).
  // In place.  Shapes: x [T, heads * D], positions [T],
  // cos_sin [max_position, D]: D/2 cosines, then D/2 sines.
  // inverse = true rotates back: the gradient of the forward rotation.
  virtual void Rope(Mat x, int heads, absl::Span<const int32_t> positions,
                    ConstMat cos_sin, bool inverse) = 0;

  // --- Linear -------------------------------------------------------------
  // w = the row-wise concatenation of `parts` (equal columns), in w->dtype.
  virtual void SetLinear(absl::Span<const ConstMat> parts, Linear* w) = 0;
  // y[t] = w[ids[t]], rows of the matrix: an embedding.
  // Shapes: ids [T], w [N, C], y [T, C].
  virtual void LinearRows(const Linear& w, absl::Span<const int32_t> ids,
                          Mat y) = 0;
  // y[t, n] = bias[n] + sum_k x[t, k] w[n, k].  bias is [N] or empty.  The sum
  // runs over k in ascending order with fused multiply-adds that start at the
  // bias.  Shapes: x [T, depth], y [T, outputs].
  virtual void MatMul(ConstMat x, const Linear& w, absl::Span<const float> bias,
                      Mat y) = 0;
  // y[t, n] = start[t, n] + sum_k x[t, k] w[n, k], in the same way.  start has
  // the shape of y and may be y.
  virtual void MatMulAdd(ConstMat x, const Linear& w, ConstMat start,
                         Mat y) = 0;
  // dx[t, k] = sum_n dy[t, n] w[n, k], n ascending: the gradient of MatMul.
  // Shapes: dy [T, outputs], dx [T, depth].
  virtual void MatMulTransposed(ConstMat dy, const Linear& w, Mat dx) = 0;
  // dw[n, k] += sum_t dy[t, n] x[t, k], t ascending.
  // Shapes: dy [T, N], x [T, K], dw [N, K].
  virtual void MatMulWeightGradient(ConstMat dy, ConstMat x, Mat dw) = 0;
  // db[n] += sum_t dy[t, n], t ascending.
  virtual void ColumnSum(ConstMat dy, absl::Span<float> db) = 0;

  // --- SwiGLU (Shazeer 2020) ----------------------------------------------
  // y = silu(gate) * up with gate_up = [gate | up].
  // Shapes: gate_up [T, 2F], y [T, F].
  virtual void SwiGluForward(ConstMat gate_up, Mat y) = 0;
  // dgate_up = gradient; may be gate_up itself (overwritten).
  virtual void SwiGluBackward(ConstMat gate_up, ConstMat dy, Mat dgate_up) = 0;

  // --- Attention: causal, grouped-query, paged ----------------------------
  // Stores rows of k, v [T, K * D] at their positions in the pages. A row may
  // go to the pages of several sequences.
  virtual void KvWrite(ConstMat k, ConstMat v,
                       absl::Span<const SequenceRows> sequences,
                       const KvPages& cache) = 0;
  // out[t, h] = sum_j softmax_j(scale * q[t, h] . k[j, h / (H / K)]) v[j]
  // over keys j <= position of t.  The row's maximum is taken over all keys,
  // then exp, sum and the weighted sum of values run in ascending j.
  // Shapes: q, out [T, H * D]; lse [T, H] (log-sum-exp of the scaled scores,
  // for the backward pass) or empty.  The keys must have been written.
  virtual void AttentionForward(ConstMat q,
                                absl::Span<const SequenceRows> sequences,
                                const KvPages& cache, float scale, Mat out,
                                Mat lse) = 0;
  // Gradient of one call of AttentionForward over whole sequences: all
  // positions are rows of dk and dv, those of a prefix in the place that
  // SequenceRows says.  dq =, dk += and dv +=.  Sequences that share a prefix
  // follow one another, and the prefix's own sequence comes last.
  // dq sums over the keys ascending; dk and dv of a key over the sequences in
  // order, for each over the query heads of the key's group ascending, for each
  // over its rows ascending.  So a prefix whose sequences come in several calls
  // gets the same sums, with its own sequence in the last call; until then its
  // rows are the last of dk and dv, and not among the T rows.
  // Shapes: q, out, dout, dq [T, H * D]; lse [T, H]; dk, dv [T or more, K * D].
  virtual void AttentionBackward(ConstMat q, ConstMat out, ConstMat lse,
                                 ConstMat dout,
                                 absl::Span<const SequenceRows> sequences,
                                 const KvPages& cache, float scale, Mat dq,
                                 Mat dk, Mat dv) = 0;

  // --- Vocabulary head ----------------------------------------------------
  // With z = inv_temperature * h W^T: logprob[t] = z[target] - logsumexp(z),
  // entropy[t] = -sum_v p log p (nats; pass empty to skip).
  // The logits exist for a bounded number of rows at a time, never [T, V].
  // A row with a NaN or infinite logit gives NaN.
  // Shapes: h [T, C], head [V, C], targets, logprob [T].
  virtual void LogprobForward(ConstMat h, const Linear& head,
                              absl::Span<const int32_t> targets,
                              float inv_temperature, absl::Span<float> logprob,
                              absl::Span<float> entropy) = 0;
  // Given dlogprob [T] (and dentropy [T], or empty): dh = , dhead [V, C] += ,
  // or empty to skip.
  // Recomputes the logits chunk by chunk in packed order; also returns logprob
  // and entropy (each may be empty), so a loss whose dlogprob is known
  // beforehand needs no forward call.
  virtual void LogprobBackward(ConstMat h, const Linear& head,
                               absl::Span<const int32_t> targets,
                               float inv_temperature,
                               absl::Span<const float> dlogprob,
                               absl::Span<const float> dentropy, Mat dh,
                               Mat dhead, absl::Span<float> logprob,
                               absl::Span<float> entropy) = 0;
  // Draws one token per row of logits [S, V] and its log-prob under the full
  // softmax(logits / temperature), with the same bits as LogprobForward.
  // (temperature 0: under softmax(logits).)  The logits are scaled by
  // 1 / temperature computed in float: pass the same quotient to
  // LogprobForward.  top_p restricts the draw, not the log-prob, to the
  // shortest run of the most likely tokens (at least one) whose probability
  // reaches top_p; of equally likely tokens the lower id counts as the likelier
  // one. The draw inverts the cumulative distribution in ascending token id at
  // u = random_bits / 2^32.  logits is overwritten. A row with a NaN logit, or
  // whose largest logit is infinite, gives token 0 and a NaN log-prob: the
  // caller must look for NaN.
  virtual void Sample(Mat logits, absl::Span<const SampleRequest> requests,
                      absl::Span<int32_t> tokens,
                      absl::Span<float> logprobs) = 0;

  // --- Optimizer ----------------------------------------------------------
  // AdamW (Loshchilov and Hutter 2019, alg. 2) in place over n elements.
  virtual void AdamW(absl::Span<float> params, absl::Span<const float> grads,
                     absl::Span<float> m, absl::Span<float> v,
                     const AdamWParams& p) = 0;
  // Sum of squares in double; NaN or infinity in x gives a non-finite result.
  virtual double SumSquares(absl::Span<const float> x) = 0;

  // --- Work of the host ---------------------------------------------------
  // Calls task(0), …, task(count - 1), which are independent, on the threads of
  // this object.
  virtual void ForEachTask(int64_t count,
                           absl::FunctionRef<void(int64_t)> task) = 0;
};

// The CPU implementation with its own pool of `num_threads` threads.
std::unique_ptr<Ops> MakeCpuOps(int num_threads);

// Name of the SIMD target in use ("AVX3", "AVX2", …): part of a run's identity.
const char* CpuTargetName();

}  // namespace r1

#endif  // R1_KERNELS_OPS_H_
