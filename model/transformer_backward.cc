#include <cstring>

#include "base/check.h"
#include "model/transformer.h"

namespace r1 {
namespace {

Mat View(Buffer& buffer, int64_t rows, int64_t cols) {
  buffer.Reserve(rows * cols);
  return {buffer.data(), rows, cols};
}

ConstMat Saved(const Buffer& buffer, int64_t rows, int64_t cols) {
  R1_CHECK(buffer.count() >= rows * cols, "activations belong to the batch");
  return {buffer.data(), rows, cols};
}

void CopyRows(ConstMat from, Mat to) {
  for (int64_t r = 0; r < from.rows; ++r) {
    std::memcpy(to.Row(r), from.Row(r), from.cols * sizeof(float));
  }
}

// Sets dkv [T + open rows, 2 K D] to what its sums start from.
void StartSums(const PrefixSums& sums, int l, Mat dkv) {
  for (int64_t r = 0; r < dkv.rows; ++r) {
    std::memset(dkv.Row(r), 0, dkv.cols * sizeof(float));
  }
  if (sums.rows == 0) return;
  CopyRows(ConstMat(sums.layers[l].data(), sums.rows, dkv.cols),
           dkv.Rows(sums.row_begin, sums.rows));
}

}  // namespace

void Transformer::Backward(const PolicyWeights& weights,
                           const TokenBatch& batch, const KvCache& cache,
                           Activations* saved, ConstMat dhidden,
                           PrefixSums* sums, Gradients grads, Mat dembedding) {
  const int64_t T = batch.tokens.size();
  sums->layers.resize(config_.num_layers);
  Mat dx = View(dx_, T, config_.hidden_size);
  ops_->RmsNormBackward(Saved(saved->x_out, T, config_.hidden_size),
                        weights.final_norm(), 1, config_.rms_norm_eps, dhidden,
                        Store::kAssign, dx,
                        grads.Elements(weights.layout().final_norm()));
  // The pages of the cache have all keys and values already.
  const TokenBatch rows = {batch.tokens, batch.positions, batch.sequences};
  const bool recomputes = saved->keep == Keep::kLayerInputs;
  for (int l = config_.num_layers - 1; l >= 0; --l) {
    Activations::Layer& layer =
        recomputes ? saved->recomputed : saved->layers[l];
    const ConstMat x_in = Saved(saved->layers[l].x_in, T, config_.hidden_size);
    if (recomputes && l + 1 < config_.num_layers) {
      AttentionBlock(weights, l, rows, cache.Layer(l), &layer, x_in,
                     View(layer.x_mid, T, config_.hidden_size));
    }
    FeedForwardBlockBackward(weights, l, layer, saved->keep, dx, grads);
    AttentionBlockBackward(weights, l, batch, cache.Layer(l), layer, x_in, dx,
                           sums, grads);
  }
  sums->rows = sums->open_rows;
  if (dembedding.data != nullptr) {
    ops_->EmbeddingBackward(batch.tokens, dx, dembedding);
  }
}

void Transformer::FeedForwardBlockBackward(const PolicyWeights& weights, int l,
                                           const Activations::Layer& saved,
                                           Keep keep, Mat dx, Gradients grads) {
  const LayerWeights& w = weights.layer(l);
  const LayerTensors& t = weights.layout().layer(l);
  const int64_t T = dx.rows, C = config_.hidden_size,
                F = config_.intermediate_size;
  const ConstMat x_mid = Saved(saved.x_mid, T, C);
  Mat norm = View(norm_, T, C);
  ops_->RmsNormForward(x_mid, w.post_norm, 1, config_.rms_norm_eps, norm);
  // Not const: SwiGluBackward overwrites it with its gradient.
  Mat gate_up{saved.gate_up.data(), T, 2 * F};
  if (keep != Keep::kAll) {
    gate_up = View(gate_up_, T, 2 * F);
    ops_->MatMul(norm, w.gate_up, {}, gate_up);
  }
  Mat product = View(product_, T, F);
  ops_->SwiGluForward(gate_up, product);
  grads.AddProduct(t.down, dx, product, ops_, &gradient_scratch_);

  ops_->MatMulTransposed(dx, w.down, product);
  ops_->SwiGluBackward(gate_up, product, gate_up);
  grads.AddProduct(t.gate, gate_up.Cols(0, F), norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.up, gate_up.Cols(F, F), norm, ops_, &gradient_scratch_);

  Mat dnorm = View(dnorm_, T, C);
  ops_->MatMulTransposed(gate_up, w.gate_up, dnorm);
  ops_->RmsNormBackward(x_mid, w.post_norm, 1, config_.rms_norm_eps, dnorm,
                        Store::kAccumulate, dx, grads.Elements(t.post_norm));
}

void Transformer::AttentionBlockBackward(const PolicyWeights& weights, int l,
                                         const TokenBatch& batch,
                                         const KvPages& pages,
                                         const Activations::Layer& saved,
                                         ConstMat x_in, Mat dx,
                                         PrefixSums* sums, Gradients grads) {
  const LayerWeights& w = weights.layer(l);
  const LayerTensors& t = weights.layout().layer(l);
  const int64_t T = dx.rows, C = config_.hidden_size, q_size = config_.q_size(),
                kv_size = config_.kv_size(), qkv_size = q_size + 2 * kv_size;
  const ConstMat attended = Saved(saved.attended, T, q_size);
  grads.AddProduct(t.o, dx, attended, ops_, &gradient_scratch_);
  Mat dattended = View(dattended_, T, q_size);
  ops_->MatMulTransposed(dx, w.o, dattended);

  const int64_t open_rows = sums->open_rows;
  Mat all = View(dqkv_, T + open_rows, qkv_size);
  Mat dqkv = all.Rows(0, T);
  Mat dq = dqkv.Cols(0, q_size), dk = dqkv.Cols(q_size, kv_size),
      dv = dqkv.Cols(q_size + kv_size, kv_size);
  Mat dkv = all.Cols(q_size, 2 * kv_size);
  StartSums(*sums, l, dkv);
  ops_->AttentionBackward(Saved(saved.qkv, T, qkv_size).Cols(0, q_size),
                          attended, Saved(saved.lse, T, config_.num_heads),
                          dattended, batch.sequences, pages, attention_scale_,
                          dq, dkv.Cols(0, kv_size), dkv.Cols(kv_size, kv_size));
  CopyRows(dkv.Rows(T, open_rows),
           View(sums->layers[l], open_rows, 2 * kv_size));
  const ConstMat table{cos_sin_->data(), config_.max_positions,
                       config_.head_dim};
  ops_->Rope(dq, config_.num_heads, batch.positions, table, true);
  ops_->Rope(dk, config_.num_kv_heads, batch.positions, table, true);
  if (config_.qk_norm()) {
    const ConstMat raw = Saved(saved.qkv_raw, T, qkv_size);
    ops_->RmsNormBackward(raw.Cols(0, q_size), w.q_norm, config_.num_heads,
                          config_.rms_norm_eps, dq, Store::kAssign, dq,
                          grads.Elements(t.q_norm));
    ops_->RmsNormBackward(raw.Cols(q_size, kv_size), w.k_norm,
                          config_.num_kv_heads, config_.rms_norm_eps, dk,
                          Store::kAssign, dk, grads.Elements(t.k_norm));
  }
  if (config_.qkv_bias() && grads.are_of_all()) {
    ops_->ColumnSum(dq, grads.Elements(t.q_bias));
    ops_->ColumnSum(dk, grads.Elements(t.k_bias));
    ops_->ColumnSum(dv, grads.Elements(t.v_bias));
  }

  Mat norm = View(norm_, T, C);
  ops_->RmsNormForward(x_in, w.input_norm, 1, config_.rms_norm_eps, norm);
  grads.AddProduct(t.q, dq, norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.k, dk, norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.v, dv, norm, ops_, &gradient_scratch_);
  if (l == 0 && !grads.are_of_all()) return;  // nothing below is trained
  Mat dnorm = View(dnorm_, T, C);
  ops_->MatMulTransposed(dqkv, w.qkv, dnorm);
  ops_->RmsNormBackward(x_in, w.input_norm, 1, config_.rms_norm_eps, dnorm,
                        Store::kAccumulate, dx, grads.Elements(t.input_norm));
}

}  // namespace r1
