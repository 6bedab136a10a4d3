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
      cos_sin_(RotaryTable(config)) {}

void Transformer::Forward(const PolicyWeights& weights,
                          const DeviceBatch& batch, KvCache* cache,
                          Activations* saved, Tensor hidden) {
  const int64_t T = batch.num_tokens();
  if (saved != nullptr) saved->layers.resize(config_.num_layers);
  // The residual stream before layer l. Each value of it is written where it is
  // kept; where none is, all are one buffer.
  const auto input = [&](int l) {
    if (saved == nullptr) return x_.Reserve(T, config_.hidden_size);
    Buffer& kept =
        l < config_.num_layers ? saved->layers[l].x_in : saved->x_out;
    return kept.Reserve(T, config_.hidden_size);
  };
  Tensor x = input(0);
  ops_->LinearRows(weights.embedding(), batch.tokens, x);
  for (int l = 0; l < config_.num_layers; ++l) {
    Activations::Layer* layer = saved == nullptr ? nullptr
                                : saved->keep == Keep::kLayerInputs
                                    ? &saved->recomputed
                                    : &saved->layers[l];
    Tensor mid = saved ? layer->x_mid.Reserve(T, config_.hidden_size) : x;
    AttentionBlock(weights, l, batch, cache->Layer(l), layer, x, mid);
    x = input(l + 1);
    const int64_t width = 2 * config_.intermediate_size;
    const bool keeps_gate_up = saved && saved->keep == Keep::kAll;
    const Tensor kept =
        keeps_gate_up ? layer->gate_up.Reserve(T, width) : Tensor();
    for (int64_t begin = 0; begin < T; begin += kFeedForwardRows) {
      const int64_t rows = std::min(kFeedForwardRows, T - begin);
      FeedForwardBlock(weights, l, mid.Rows(begin, rows),
                       keeps_gate_up ? kept.Rows(begin, rows)
                                     : gate_up_.Reserve(rows, width),
                       x.Rows(begin, rows));
    }
  }
  ops_->RmsNormForward(x, weights.final_norm(), 1, config_.rms_norm_eps,
                       hidden);
}

// out = x + Attention(RmsNorm(x)) Wo.
void Transformer::AttentionBlock(const PolicyWeights& weights, int l,
                                 const DeviceBatch& batch, const KvPages& pages,
                                 Activations::Layer* saved, Tensor x,
                                 Tensor out) {
  const LayerWeights& w = weights.layer(l);
  const int64_t T = x.rows, q_size = config_.q_size(),
                kv_size = config_.kv_size(), qkv_size = q_size + 2 * kv_size;
  Tensor norm = norm_.Reserve(T, config_.hidden_size);
  ops_->RmsNormForward(x, w.input_norm, 1, config_.rms_norm_eps, norm);

  Tensor qkv = (saved ? saved->qkv : qkv_).Reserve(T, qkv_size);
  // As the product gives it; QK-norm then writes q and k into qkv.
  Tensor raw =
      saved && config_.qk_norm() ? saved->qkv_raw.Reserve(T, qkv_size) : qkv;
  Tensor q = qkv.Cols(0, q_size), k = qkv.Cols(q_size, kv_size);
  const Tensor v = raw.Cols(q_size + kv_size, kv_size);
  ops_->MatMul(norm, w.qkv, w.qkv_bias, raw);
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

  Tensor attended = (saved ? saved->attended : attended_).Reserve(T, q_size);
  Tensor lse = saved ? saved->lse.Reserve(T, config_.num_heads) : Tensor();
  ops_->AttentionForward(q, batch, pages, attention_scale_, attended, lse);
  ops_->MatMulAdd(attended, w.o, x, out);
}

// out = x + SwiGLU(RmsNorm(x) Wgate, RmsNorm(x) Wup) Wdown; gate_up gets the
// two inner products.
void Transformer::FeedForwardBlock(const PolicyWeights& weights, int l,
                                   Tensor x, Tensor gate_up, Tensor out) {
  const LayerWeights& w = weights.layer(l);
  const Tensor norm = norm_.Reserve(x.rows, config_.hidden_size);
  ops_->RmsNormForward(x, w.post_norm, 1, config_.rms_norm_eps, norm);
  const Tensor product = product_.Reserve(x.rows, config_.intermediate_size);
  ops_->MatMul(norm, w.gate_up, {}, gate_up);
  ops_->SwiGluForward(gate_up, product);
  ops_->MatMulAdd(product, w.down, x, out);
}

}  // namespace r1
