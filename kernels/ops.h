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
//   6. Tensors are fp32 but for the ids and positions of a batch (int32).
// Arithmetic is fp32 throughout on the CPU.
//
// Ops run in the order of the calls, but not necessarily before a call returns:
// what the host reads it downloads, and waits for the ticket.
//
// Threads: an Ops object serves one caller at a time; different objects are
// independent.
#ifndef R1_KERNELS_OPS_H_
#define R1_KERNELS_OPS_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "kernels/batch.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/tensor.h"

namespace r1 {

// y = a or y += a.
enum class Store { kAssign, kAccumulate };

// Keys per page of the KV cache. Attention reduces over keys page by page from
// position 0, so this number is part of the numerics, not a tuning knob.
inline constexpr int kPageTokens = 32;

// One layer's keys and values in pages. Page p holds, for each kv-head, the
// keys transposed [D, kPageTokens], then the values [kPageTokens, D].
struct KvPages {
  Tensor data;  // [num_pages, K * 2 * D * kPageTokens]
  int num_kv_heads = 0;
  int head_dim = 0;

  int64_t num_pages() const { return data.rows; }
  static int64_t PageElements(int num_kv_heads, int head_dim) {
    return int64_t{2} * num_kv_heads * head_dim * kPageTokens;
  }
  static int64_t PagesFor(int64_t tokens) {
    return (tokens + kPageTokens - 1) / kPageTokens;
  }
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

// Stands for a download; tickets are waited for in their order.
struct Ticket {
  uint64_t number = 0;
};

class Ops {
 public:
  virtual ~Ops() = default;

  // Where they run, and all their tensors lie.
  virtual Device* device() const = 0;

  // --- Host and device ----------------------------------------------------
  // Copies values of the host, row after row, into all of `to`.
  virtual void Upload(absl::Span<const float> values, Tensor to) = 0;
  // The other direction; `to` holds the values once the ticket was waited for.
  virtual Ticket Download(Tensor from, absl::Span<float> to) = 0;
  virtual Ticket Download(Tensor from, absl::Span<int32_t> to) = 0;
  virtual void Wait(Ticket ticket) = 0;
  // Memory for batches; Prepare copies what the host says of one into it.
  virtual std::unique_ptr<DeviceBatch> MakeBatch() = 0;
  virtual void Prepare(const HostBatch& host, DeviceBatch* batch) = 0;

  // --- Rows ---------------------------------------------------------------
  // y[i] = x[ids[i]].  Shapes: x [N, C], ids [T], y [T, C].
  virtual void GatherRows(Tensor x, Tensor ids, Tensor y) = 0;
  // dx[ids[i]] += dy[i], i ascending: the gradient of GatherRows.
  virtual void ScatterAddRows(Tensor dy, Tensor ids, Tensor dx) = 0;
  // y = x, and y += x.  Shapes: x, y [N, C].
  virtual void Copy(Tensor x, Tensor y) = 0;
  virtual void Add(Tensor x, Tensor y) = 0;
  // All elements of y become `value`, and `factor` times what they were.
  virtual void Fill(float value, Tensor y) = 0;
  virtual void Scale(float factor, Tensor y) = 0;

  // --- RMSNorm (Zhang and Sennrich 2019, eq. 4) ---------------------------
  // Each row is `groups` chunks of D = cols / groups channels, normalised
  // apart: y = x / sqrt(mean(x^2) + eps) * w.  groups = 1 for the layer norms,
  // H or K for QK-norm.  Shapes: x, y [T, groups * D], w [D].  y may be x.
  virtual void RmsNormForward(Tensor x, Tensor w, int groups, float eps,
                              Tensor y) = 0;
  // dx = (or +=, by `store`) gradient through the norm; dw [D] += , or empty to
  // skip.  x is the input of the forward pass.  dx may be dy.
  virtual void RmsNormBackward(Tensor x, Tensor w, int groups, float eps,
                               Tensor dy, Store store, Tensor dx,
                               Tensor dw) = 0;

  // --- Rotary embedding (Su et al. 2021), half-split layout ---------------
  // Rotates each head's pair (x[i], x[i + D/2]) by the angle of (position, i).
  // In place.  Shapes: x [T, heads * D], positions [T],
  // cos_sin [max_position, D]: D/2 cosines, then D/2 sines.
  // inverse = true rotates back: the gradient of the forward rotation.
  virtual void Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin,
                    bool inverse) = 0;

  // --- Linear -------------------------------------------------------------
  // w = the row-wise concatenation of `parts` (equal columns), in w->dtype.
  virtual void SetLinear(absl::Span<const Tensor> parts, Linear* w) = 0;
  // y[t] = w[ids[t]], rows of the matrix: an embedding.
  // Shapes: ids [T], w [N, C], y [T, C].
  virtual void LinearRows(const Linear& w, Tensor ids, Tensor y) = 0;
  // y[t, n] = bias[n] + sum_k x[t, k] w[n, k].  bias is [N] or empty.  The sum
  // runs over k in ascending order with fused multiply-adds that start at the
  // bias.  Shapes: x [T, depth], y [T, outputs].
  virtual void MatMul(Tensor x, const Linear& w, Tensor bias, Tensor y) = 0;
  // y[t, n] = start[t, n] + sum_k x[t, k] w[n, k], in the same way.  start has
  // the shape of y and may be y.
  virtual void MatMulAdd(Tensor x, const Linear& w, Tensor start, Tensor y) = 0;
  // dx[t, k] = sum_n dy[t, n] w[n, k], n ascending: the gradient of MatMul.
  // Shapes: dy [T, outputs], dx [T, depth].
  virtual void MatMulTransposed(Tensor dy, const Linear& w, Tensor dx) = 0;
  // dw[n, k] += sum_t dy[t, n] x[t, k], t ascending.
  // Shapes: dy [T, N], x [T, K], dw [N, K].
  virtual void MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw) = 0;
  // db[n] += sum_t dy[t, n], t ascending.
  virtual void ColumnSum(Tensor dy, Tensor db) = 0;

  // --- SwiGLU (Shazeer 2020) ----------------------------------------------
  // y = silu(gate) * up with gate_up = [gate | up].
  // Shapes: gate_up [T, 2F], y [T, F].
  virtual void SwiGluForward(Tensor gate_up, Tensor y) = 0;
  // dgate_up = gradient; may be gate_up itself (overwritten).
  virtual void SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up) = 0;

  // --- Attention: causal, grouped-query, paged ----------------------------
  // Stores rows of k, v [T, K * D] at their positions in the pages of the
  // batch's sequences, and copies.
  virtual void KvWrite(Tensor k, Tensor v, const DeviceBatch& batch,
                       const KvPages& cache) = 0;
  // out[t, h] = sum_j softmax_j(scale * q[t, h] . k[j, h / (H / K)]) v[j]
  // over keys j <= position of t.  The row's maximum is taken over all keys,
  // then exp, sum and the weighted sum of values run in ascending j.
  // Shapes: q, out [T, H * D]; lse [T, H] (log-sum-exp of the scaled scores,
  // for the backward pass) or empty.  The keys must have been written.
  virtual void AttentionForward(Tensor q, const DeviceBatch& batch,
                                const KvPages& cache, float scale, Tensor out,
                                Tensor lse) = 0;
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
  virtual void AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                                 const DeviceBatch& batch, const KvPages& cache,
                                 float scale, Tensor dq, Tensor dk,
                                 Tensor dv) = 0;

  // --- Vocabulary head ----------------------------------------------------
  // With z = inv_temperature * h W^T: logprob[t] = z[target] - logsumexp(z),
  // entropy[t] = -sum_v p log p (nats; pass empty to skip).
  // The logits exist for a bounded number of rows at a time, never [T, V].
  // A row with a NaN or infinite logit gives NaN.
  // Shapes: h [T, C], head [V, C], targets, logprob [T].
  virtual void LogprobForward(Tensor h, const Linear& head, Tensor targets,
                              float inv_temperature, Tensor logprob,
                              Tensor entropy) = 0;
  // Given dlogprob [T] (and dentropy [T], or empty): dh = , dhead [V, C] += ,
  // or empty to skip.
  // Recomputes the logits chunk by chunk in packed order; also returns logprob
  // and entropy (each may be empty), so a loss whose dlogprob is known
  // beforehand needs no forward call.
  virtual void LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                               float inv_temperature, Tensor dlogprob,
                               Tensor dentropy, Tensor dh, Tensor dhead,
                               Tensor logprob, Tensor entropy) = 0;
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
  virtual void Sample(Tensor logits, absl::Span<const SampleRequest> requests,
                      Tensor tokens, Tensor logprobs) = 0;

  // --- Optimizer ----------------------------------------------------------
  // AdamW (Loshchilov and Hutter 2019, alg. 2) in place over n elements.
  virtual void AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
                     const AdamWParams& p) = 0;
  // Sum of squares in double; NaN or infinity in x gives a non-finite result.
  virtual double SumSquares(Tensor x) = 0;

  // --- Work of the host ---------------------------------------------------
  // Calls task(0), …, task(count - 1), which are independent, on the threads of
  // this object.
  virtual void ForEachTask(int64_t count,
                           absl::FunctionRef<void(int64_t)> task) = 0;
};

// CpuDevice()->MakeOps.
std::unique_ptr<Ops> MakeCpuOps(int num_threads);

// Name of the SIMD target in use ("AVX3", "AVX2", …): part of a run's identity.
const char* CpuTargetName();

}  // namespace r1

#endif  // R1_KERNELS_OPS_H_
