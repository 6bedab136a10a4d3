#include "model/transformer.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "model/rope.h"

namespace r1 {

Transformer::Transformer(const ModelConfig& config, Ops* ops)
    : config_(config),
      ops_(ops),
      attention_scale_(1.0f / std::sqrt(static_cast<float>(config.head_dim))),
      cos_sin_(RotaryTable(config, ops->device())),
      dtype_(ops->device()->activation_dtype()),
      scratch_(ops->device()),
      gradient_scratch_(ops->device()) {}

void Transformer::Forward(const PolicyWeights& weights,
                          const DeviceBatch& batch, KvCache* cache,
                          Activations* saved, Tensor hidden) {
  const Arena::Scope scope(&scratch_);
  const int64_t T = batch.num_tokens(), C = config_.hidden_size;
  const int num_layers = config_.num_layers;
  if (saved != nullptr) {
    saved->arena.Clear();
    saved->layers.assign(num_layers, {});
  }
  // The residual stream. Each value of it is written where it is kept; where
  // none is, all have one place.
  Tensor x = saved ? saved->arena.Take(T, C) : scratch_.Take(T, C);
  ops_->LinearRows(weights.embedding(), batch.tokens, x);
  for (int l = 0; l < num_layers; ++l) {
    const Tensor next = saved ? saved->arena.Take(T, C) : x;
    const bool keeps_inputs = saved && saved->keep == Keep::kLayerInputs;
    const bool is_kept = saved && (!keeps_inputs || l + 1 == num_layers);
    Tensor mid = next, gate_up;
    {
      const Arena::Scope attention_scope(&scratch_);
      Activations::Layer layer =
          TakeLayer(T, is_kept, is_kept ? &saved->arena : &scratch_);
      if (is_kept) mid = layer.x_mid = saved->arena.Take(T, C);
      AttentionBlock(weights, l, batch, cache->Layer(l), layer, x, mid);
      if (saved && saved->keep == Keep::kAll) {
        layer.gate_up = gate_up =
            saved->arena.Take(T, 2 * config_.intermediate_size, dtype_);
      }
      if (is_kept)
        (keeps_inputs ? saved->recomputed : saved->layers[l]) = layer;
      if (saved) saved->layers[l].x_in = x;
    }
    x = next;
    for (int64_t begin = 0; begin < T; begin += kFeedForwardRows) {
      const Arena::Scope piece_scope(&scratch_);
      const int64_t rows = std::min(kFeedForwardRows, T - begin);
      FeedForwardBlock(
          weights, l, mid.Rows(begin, rows),
          gate_up.empty()
              ? scratch_.Take(rows, 2 * config_.intermediate_size, dtype_)
              : gate_up.Rows(begin, rows),
          x.Rows(begin, rows));
    }
  }
  if (saved) saved->x_out = x;
  ops_->RmsNormForward(x, weights.final_norm(), 1, config_.rms_norm_eps,
                       hidden);
}

Activations::Layer Transformer::TakeLayer(int64_t T, bool is_saved,
                                          Arena* arena) const {
  const int64_t qkv_size = config_.q_size() + 2 * config_.kv_size();
  Activations::Layer layer;
  layer.qkv = arena->Take(T, qkv_size, dtype_);
  // As the product gives it; QK-norm then writes q and k into qkv.
  layer.qkv_raw = is_saved && config_.qk_norm()
                      ? arena->Take(T, qkv_size, dtype_)
                      : layer.qkv;
  layer.attended = arena->Take(T, config_.q_size(), dtype_);
  if (is_saved) layer.lse = arena->Take(T, config_.num_heads);
  return layer;
}

// out = x + Attention(RmsNorm(x)) Wo.
void Transformer::AttentionBlock(const PolicyWeights& weights, int l,
                                 const DeviceBatch& batch, const KvPages& pages,
                                 const Activations::Layer& layer, Tensor x,
                                 Tensor out) {
  const LayerWeights& w = weights.layer(l);
  const int64_t q_size = config_.q_size(), kv_size = config_.kv_size();
  const Tensor raw = layer.qkv_raw;
  {
    const Arena::Scope scope(&scratch_);
    const Tensor norm = scratch_.Take(x.rows, config_.hidden_size, dtype_);
    ops_->RmsNormForward(x, w.input_norm, 1, config_.rms_norm_eps, norm);
    ops_->MatMul(norm, w.qkv, w.qkv_bias, raw);
  }
  const Tensor q = layer.qkv.Cols(0, q_size),
               k = layer.qkv.Cols(q_size, kv_size),
               v = raw.Cols(q_size + kv_size, kv_size);
  if (config_.qk_norm()) {
    ops_->RmsNormForward(raw.Cols(0, q_size), w.q_norm, config_.num_heads,
                         config_.rms_norm_eps, q);
    ops_->RmsNormForward(raw.Cols(q_size, kv_size), w.k_norm,
                         config_.num_kv_heads, config_.rms_norm_eps, k);
  }
  const Tensor table =
      cos_sin_->Matrix(config_.max_positions, config_.head_dim);
  ops_->Rope(q, config_.num_heads, batch.positions, table, false);
  ops_->Rope(k, config_.num_kv_heads, batch.positions, table, false);
  ops_->KvWrite(k, v, batch, pages);
  ops_->AttentionForward(q, batch, pages, attention_scale_, layer.attended,
                         layer.lse);
  ops_->MatMulAdd(layer.attended, w.o, x, out);
}

// out = x + SwiGLU(RmsNorm(x) Wgate, RmsNorm(x) Wup) Wdown; gate_up gets the
// two inner products.
void Transformer::FeedForwardBlock(const PolicyWeights& weights, int l,
                                   Tensor x, Tensor gate_up, Tensor out) {
  const Arena::Scope scope(&scratch_);
  const LayerWeights& w = weights.layer(l);
  const Tensor norm = scratch_.Take(x.rows, config_.hidden_size, dtype_);
  ops_->RmsNormForward(x, w.post_norm, 1, config_.rms_norm_eps, norm);
  const Tensor product =
      scratch_.Take(x.rows, config_.intermediate_size, dtype_);
  ops_->MatMul(norm, w.gate_up, {}, gate_up);
  ops_->SwiGluForward(gate_up, product);
  ops_->MatMulAdd(product, w.down, x, out);
}

}  // namespace r1
