// The decoder in double precision, written from the formulas: one sequence,
// no batching, no caching, no fusion.
#ifndef R1_TESTS_REFERENCE_TRANSFORMER_H_
#define R1_TESTS_REFERENCE_TRANSFORMER_H_

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "model/model_config.h"
#include "model/param_set.h"
#include "tests/model/host_params.h"

namespace r1::reference {

using Vec = std::vector<double>;
using Params = std::map<std::string, Vec>;  // by Hugging Face name

inline Params ToDouble(const ParamSet& params) {
  Params out;
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    const auto elements = Elements(params, i);
    out[params.layout().tensor(i).name] = Vec(elements.begin(), elements.end());
  }
  return out;
}

inline Vec RmsNorm(const Vec& x, const Vec& w, double eps) {
  double mean_square = 0;
  for (double v : x) mean_square += v * v / x.size();
  Vec y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = x[i] / std::sqrt(mean_square + eps) * w[i];
  }
  return y;
}

// y = W x (+ b).
inline Vec Linear(const Vec& x, const Vec& w, const Vec* bias = nullptr) {
  const size_t n = w.size() / x.size();
  Vec y(n);
  for (size_t i = 0; i < n; ++i) {
    y[i] = bias != nullptr ? (*bias)[i] : 0;
    for (size_t k = 0; k < x.size(); ++k) y[i] += w[i * x.size() + k] * x[k];
  }
  return y;
}

// Rotates the pair (x[i], x[i + D/2]) of one head by position * theta^(-2i/D).
inline void Rope(double* head, int D, double theta, int position) {
  for (int i = 0; i < D / 2; ++i) {
    const double angle = position * std::pow(theta, -2.0 * i / D);
    const double a = head[i], b = head[i + D / 2];
    head[i] = a * std::cos(angle) - b * std::sin(angle);
    head[i + D / 2] = b * std::cos(angle) + a * std::sin(angle);
  }
}

// The final norm's output [T][C] for one sequence (without RoPE scaling).
inline std::vector<Vec> HiddenStates(const ModelConfig& c, const Params& p,
                                     const std::vector<int32_t>& tokens) {
  const int T = tokens.size(), D = c.head_dim, C = c.hidden_size;
  std::vector<Vec> x(T);
  const Vec& embedding = p.at("model.embed_tokens.weight");
  for (int t = 0; t < T; ++t) {
    x[t] = Vec(embedding.begin() + tokens[t] * C,
               embedding.begin() + (tokens[t] + 1) * C);
  }
  for (int l = 0; l < c.num_layers; ++l) {
    const auto w = [&](absl::string_view name) -> const Vec& {
      return p.at(absl::StrCat("model.layers.", l, ".", name));
    };
    std::vector<Vec> q(T), k(T), v(T);
    for (int t = 0; t < T; ++t) {
      const Vec n = RmsNorm(x[t], w("input_layernorm.weight"), c.rms_norm_eps);
      const bool bias = c.qkv_bias();
      q[t] = Linear(n, w("self_attn.q_proj.weight"),
                    bias ? &w("self_attn.q_proj.bias") : nullptr);
      k[t] = Linear(n, w("self_attn.k_proj.weight"),
                    bias ? &w("self_attn.k_proj.bias") : nullptr);
      v[t] = Linear(n, w("self_attn.v_proj.weight"),
                    bias ? &w("self_attn.v_proj.bias") : nullptr);
      for (auto* rows : {&q, &k}) {
        const int heads = (*rows)[t].size() / D;
        for (int h = 0; h < heads; ++h) {
          double* head = (*rows)[t].data() + h * D;
          if (c.qk_norm()) {
            const Vec normed =
                RmsNorm(Vec(head, head + D),
                        w(rows == &q ? "self_attn.q_norm.weight"
                                     : "self_attn.k_norm.weight"),
                        c.rms_norm_eps);
            std::copy(normed.begin(), normed.end(), head);
          }
          Rope(head, D, c.rope_theta, t);
        }
      }
    }
    const int group = c.num_heads / c.num_kv_heads;
    for (int t = 0; t < T; ++t) {
      Vec attended(c.num_heads * D, 0.0);
      for (int h = 0; h < c.num_heads; ++h) {
        const int kv = h / group;
        Vec weight(t + 1);
        double sum = 0;
        for (int j = 0; j <= t; ++j) {
          double s = 0;
          for (int d = 0; d < D; ++d) s += q[t][h * D + d] * k[j][kv * D + d];
          sum += weight[j] = std::exp(s / std::sqrt(double(D)));
        }
        for (int j = 0; j <= t; ++j) {
          for (int d = 0; d < D; ++d) {
            attended[h * D + d] += weight[j] / sum * v[j][kv * D + d];
          }
        }
      }
      const Vec o = Linear(attended, w("self_attn.o_proj.weight"));
      for (int i = 0; i < C; ++i) x[t][i] += o[i];
      const Vec n =
          RmsNorm(x[t], w("post_attention_layernorm.weight"), c.rms_norm_eps);
      Vec gate = Linear(n, w("mlp.gate_proj.weight"));
      const Vec up = Linear(n, w("mlp.up_proj.weight"));
      for (size_t i = 0; i < gate.size(); ++i) {
        gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      }
      const Vec down = Linear(gate, w("mlp.down_proj.weight"));
      for (int i = 0; i < C; ++i) x[t][i] += down[i];
    }
  }
  for (int t = 0; t < T; ++t) {
    x[t] = RmsNorm(x[t], p.at("model.norm.weight"), c.rms_norm_eps);
  }
  return x;
}

// Logits [T][V] of one sequence.
inline std::vector<Vec> Logits(const ModelConfig& c, const Params& p,
                               const std::vector<int32_t>& tokens) {
  std::vector<Vec> logits;
  const Vec& head =
      p.at(c.tie_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
  for (const Vec& hidden : HiddenStates(c, p, tokens)) {
    logits.push_back(Linear(hidden, head));
  }
  return logits;
}

// A reward model's score of one sequence: its last token's.
inline double Score(const ModelConfig& c, const Params& p,
                    const std::vector<int32_t>& tokens) {
  return Linear(HiddenStates(c, p, tokens).back(), p.at("score.weight"))[0];
}

// log softmax(logits / temperature)[target].
inline double LogProb(const Vec& logits, int target, double temperature) {
  double max = -1e300, sum = 0;
  for (double z : logits) max = std::max(max, z / temperature);
  for (double z : logits) sum += std::exp(z / temperature - max);
  return logits[target] / temperature - max - std::log(sum);
}

}  // namespace r1::reference

#endif  // R1_TESTS_REFERENCE_TRANSFORMER_H_
