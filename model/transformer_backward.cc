#include <algorithm>

#include "model/transformer.h"

namespace r1 {
namespace {

// Sets dkv [T + open rows, 2 K D] to what its sums start from.
void StartSums(const PrefixSums& sums, int l, Tensor dkv, Ops* ops) {
  ops->Fill(0, dkv);
  if (sums.rows == 0) return;
  ops->Copy(sums.layers[l].Matrix(sums.rows, dkv.cols),
            dkv.Rows(sums.row_begin, sums.rows));
}

// Without the rows of a prefix whose gradient comes later.
Activations::Layer FirstRows(int64_t T, const Activations::Layer& layer) {
  const auto first = [T](Tensor x) { return x.empty() ? x : x.Rows(0, T); };
  return {first(layer.x_in),   first(layer.qkv_raw),  first(layer.qkv),
          first(layer.lse),    first(layer.attended), first(layer.x_mid),
          first(layer.gate_up)};
}

}  // namespace

void Transformer::Backward(const PolicyWeights& weights,
                           const DeviceBatch& batch, const KvCache& cache,
                           Activations* saved, Tensor dhidden, PrefixSums* sums,
                           Gradients grads, Tensor dembedding) {
  const Arena::Scope scope(&scratch_);
  const int64_t T = batch.num_tokens();
  while (static_cast<int>(sums->layers.size()) < config_.num_layers) {
    sums->layers.emplace_back(ops_->device());
  }
  const Tensor dx = scratch_.Take(T, config_.hidden_size);
  ops_->RmsNormBackward(saved->x_out.Rows(0, T), weights.final_norm(), 1,
                        config_.rms_norm_eps, dhidden, Store::kAssign, dx,
                        grads.tensor(weights.layout().final_norm()));
  const bool recomputes = saved->keep == Keep::kLayerInputs;
  for (int l = config_.num_layers - 1; l >= 0; --l) {
    const Activations::Layer layer =
        FirstRows(T, recomputes ? saved->recomputed : saved->layers[l]);
    const Tensor x_in = saved->layers[l].x_in.Rows(0, T), x_mid = layer.x_mid;
    if (recomputes && l + 1 < config_.num_layers) {
      AttentionBlock(weights, l, batch, cache.Layer(l), layer, x_in, x_mid);
    }
    const int64_t width = 2 * config_.intermediate_size;
    for (int64_t begin = 0; begin < T; begin += kFeedForwardRows) {
      const Arena::Scope piece_scope(&scratch_);
      const int64_t rows = std::min(kFeedForwardRows, T - begin);
      FeedForwardBlockBackward(weights, l, x_mid.Rows(begin, rows),
                               saved->keep == Keep::kAll
                                   ? layer.gate_up.Rows(begin, rows)
                                   : scratch_.Take(rows, width, dtype_),
                               saved->keep, dx.Rows(begin, rows), grads);
    }
    AttentionBlockBackward(weights, l, batch, cache.Layer(l), layer, x_in, dx,
                           sums, grads);
  }
  sums->rows = sums->open_rows;
  if (!dembedding.empty()) {
    ops_->ScatterAddRows(dx, batch.tokens, dembedding);
  }
}

// Of rows of x, the stream before the block. gate_up has what Forward computed,
// or with `keep` other than kAll room for it; it is overwritten.
void Transformer::FeedForwardBlockBackward(const PolicyWeights& weights, int l,
                                           Tensor x, Tensor gate_up, Keep keep,
                                           Tensor dx, Gradients grads) {
  const LayerWeights& w = weights.layer(l);
  const LayerTensors& t = weights.layout().layer(l);
  const int64_t T = dx.rows, C = config_.hidden_size,
                F = config_.intermediate_size;
  const Arena::Scope scope(&scratch_);
  const Tensor norm = scratch_.Take(T, C, dtype_);
  ops_->RmsNormForward(x, w.post_norm, 1, config_.rms_norm_eps, norm);
  if (keep != Keep::kAll) ops_->MatMul(norm, w.gate_up, {}, gate_up);
  const Tensor product = scratch_.Take(T, F, dtype_);
  ops_->SwiGluForward(gate_up, product);
  grads.AddProduct(t.down, dx, product, ops_, &gradient_scratch_);

  ops_->MatMulTransposed(dx, w.down, product);
  ops_->SwiGluBackward(gate_up, product, gate_up);
  grads.AddProduct(t.gate, gate_up.Cols(0, F), norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.up, gate_up.Cols(F, F), norm, ops_, &gradient_scratch_);

  const Tensor dnorm = scratch_.Take(T, C);
  ops_->MatMulTransposed(gate_up, w.gate_up, dnorm);
  ops_->RmsNormBackward(x, w.post_norm, 1, config_.rms_norm_eps, dnorm,
                        Store::kAccumulate, dx, grads.tensor(t.post_norm));
}

void Transformer::AttentionBlockBackward(const PolicyWeights& weights, int l,
                                         const DeviceBatch& batch,
                                         const KvPages& pages,
                                         const Activations::Layer& saved,
                                         Tensor x_in, Tensor dx,
                                         PrefixSums* sums, Gradients grads) {
  const Arena::Scope scope(&scratch_);
  const LayerWeights& w = weights.layer(l);
  const LayerTensors& t = weights.layout().layer(l);
  const int64_t T = dx.rows, C = config_.hidden_size, q_size = config_.q_size(),
                kv_size = config_.kv_size(), qkv_size = q_size + 2 * kv_size;
  grads.AddProduct(t.o, dx, saved.attended, ops_, &gradient_scratch_);
  const Tensor dattended = scratch_.Take(T, q_size, dtype_);
  ops_->MatMulTransposed(dx, w.o, dattended);

  const int64_t open_rows = sums->open_rows;
  const Tensor all = scratch_.Take(T + open_rows, qkv_size);
  Tensor dqkv = all.Rows(0, T);
  Tensor dq = dqkv.Cols(0, q_size), dk = dqkv.Cols(q_size, kv_size),
         dv = dqkv.Cols(q_size + kv_size, kv_size);
  Tensor dkv = all.Cols(q_size, 2 * kv_size);
  StartSums(*sums, l, dkv, ops_);
  ops_->AttentionBackward(saved.qkv.Cols(0, q_size), saved.attended, saved.lse,
                          dattended, batch, pages, attention_scale_, dq,
                          dkv.Cols(0, kv_size), dkv.Cols(kv_size, kv_size));
  ops_->Copy(dkv.Rows(T, open_rows),
             sums->layers[l].Reserve(open_rows, 2 * kv_size));
  const Tensor table =
      cos_sin_->Matrix(config_.max_positions, config_.head_dim);
  ops_->Rope(dq, config_.num_heads, batch.positions, table, true);
  ops_->Rope(dk, config_.num_kv_heads, batch.positions, table, true);
  if (config_.qk_norm()) {
    const Tensor raw = saved.qkv_raw;
    ops_->RmsNormBackward(raw.Cols(0, q_size), w.q_norm, config_.num_heads,
                          config_.rms_norm_eps, dq, Store::kAssign, dq,
                          grads.tensor(t.q_norm));
    ops_->RmsNormBackward(raw.Cols(q_size, kv_size), w.k_norm,
                          config_.num_kv_heads, config_.rms_norm_eps, dk,
                          Store::kAssign, dk, grads.tensor(t.k_norm));
  }
  if (config_.qkv_bias() && grads.are_of_all()) {
    ops_->ColumnSum(dq, grads.tensor(t.q_bias));
    ops_->ColumnSum(dk, grads.tensor(t.k_bias));
    ops_->ColumnSum(dv, grads.tensor(t.v_bias));
  }

  const Tensor norm = scratch_.Take(T, C, dtype_);
  ops_->RmsNormForward(x_in, w.input_norm, 1, config_.rms_norm_eps, norm);
  grads.AddProduct(t.q, dq, norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.k, dk, norm, ops_, &gradient_scratch_);
  grads.AddProduct(t.v, dv, norm, ops_, &gradient_scratch_);
  if (l == 0 && !grads.are_of_all()) return;  // nothing below is trained
  const Tensor dnorm = scratch_.Take(T, C);
  ops_->MatMulTransposed(dqkv, w.qkv, dnorm);
  ops_->RmsNormBackward(x_in, w.input_norm, 1, config_.rms_norm_eps, dnorm,
                        Store::kAccumulate, dx, grads.tensor(t.input_norm));
}

}  // namespace r1
