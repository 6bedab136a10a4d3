#include "model/param_set.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/math.h"
#include "base/philox.h"
#include "base/sha256.h"

namespace r1 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "hashes and files hold little-endian floats");

// Every tensor starts on a 64-byte line.
constexpr int64_t kAlignmentFloats = 16;

constexpr double kInitStd = 0.02;

// Fills with normal draws of standard deviation `std`. Element i takes draw
// i / 4 of the tensor, so the value depends on (seed, tensor, i) alone.
void FillNormal(uint64_t seed, int tensor, double std,
                absl::Span<float> values) {
  constexpr double kTwoPi = 2.0 * std::numbers::pi;
  for (size_t i = 0; i < values.size(); i += 4) {
    const uint64_t block = i / 4;
    const auto bits = RandomBits(
        seed, RandomStream::kInit, static_cast<uint64_t>(tensor),
        static_cast<uint32_t>(block >> 32), static_cast<uint32_t>(block));
    float normal[4];
    for (int pair = 0; pair < 2; ++pair) {  // Box-Muller, both outputs
      const double u1 = (bits[2 * pair] + 1.0) * 0x1.0p-32;  // (0, 1]
      const double angle = kTwoPi * (bits[2 * pair + 1] * 0x1.0p-32);
      const double radius = std * std::sqrt(-2.0 * Log(u1));
      normal[2 * pair] = static_cast<float>(radius * Cos(angle));
      normal[2 * pair + 1] = static_cast<float>(radius * Sin(angle));
    }
    const size_t count = std::min<size_t>(4, values.size() - i);
    std::memcpy(&values[i], normal, count * sizeof(float));
  }
}

}  // namespace

ParamLayout::ParamLayout(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size;
  embedding_ = Add("model.embed_tokens.weight", config.vocab_size, hidden);
  for (int l = 0; l < config.num_layers; ++l) {
    const std::string prefix = absl::StrCat("model.layers.", l, ".");
    const std::string attention = prefix + "self_attn.";
    const std::string mlp = prefix + "mlp.";
    const bool bias = config.qkv_bias();
    const bool norm = config.qk_norm();
    LayerTensors t;
    t.input_norm = Add(prefix + "input_layernorm.weight", hidden, 0);
    t.q = Add(attention + "q_proj.weight", config.q_size(), hidden);
    t.k = Add(attention + "k_proj.weight", config.kv_size(), hidden);
    t.v = Add(attention + "v_proj.weight", config.kv_size(), hidden);
    t.q_bias = bias ? Add(attention + "q_proj.bias", config.q_size(), 0) : -1;
    t.k_bias = bias ? Add(attention + "k_proj.bias", config.kv_size(), 0) : -1;
    t.v_bias = bias ? Add(attention + "v_proj.bias", config.kv_size(), 0) : -1;
    t.q_norm = norm ? Add(attention + "q_norm.weight", config.head_dim, 0) : -1;
    t.k_norm = norm ? Add(attention + "k_norm.weight", config.head_dim, 0) : -1;
    t.o = Add(attention + "o_proj.weight", hidden, config.q_size());
    t.post_norm = Add(prefix + "post_attention_layernorm.weight", hidden, 0);
    t.gate = Add(mlp + "gate_proj.weight", config.intermediate_size, hidden);
    t.up = Add(mlp + "up_proj.weight", config.intermediate_size, hidden);
    t.down = Add(mlp + "down_proj.weight", hidden, config.intermediate_size);
    layers_.push_back(t);
  }
  final_norm_ = Add("model.norm.weight", hidden, 0);
  if (config.head == ModelHead::kScore) {
    head_ = Add("score.weight", 1, hidden);
  } else {
    head_ = config.tie_embeddings
                ? embedding_
                : Add("lm_head.weight", config.vocab_size, hidden);
  }
}

ParamLayout::ParamLayout(absl::Span<const TensorSpec> tensors) {
  for (const TensorSpec& t : tensors) Add(t.name, t.rows, t.cols);
}

int ParamLayout::Add(std::string name, int64_t rows, int64_t cols) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.rows = rows;
  spec.cols = cols;
  spec.offset = count_;
  spec.is_decayed = cols > 0;
  count_ += (spec.count() + kAlignmentFloats - 1) / kAlignmentFloats *
            kAlignmentFloats;
  tensors_.push_back(std::move(spec));
  return static_cast<int>(tensors_.size()) - 1;
}

int ParamLayout::Find(absl::string_view name) const {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (tensors_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<int> ParamLayout::ByName() const {
  std::vector<int> order(tensors_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int a, int b) { return tensors_[a].name < tensors_[b].name; });
  return order;
}

std::vector<float> ParamSet::Read(int index) const {
  std::vector<float> values(layout_->tensor(index).count());
  Read(index, 0, absl::MakeSpan(values));
  return values;
}

ParamSet ParamSet::MovedTo(Device* device) && {
  if (device == this->device()) return std::move(*this);
  ParamSet moved(layout_, device);
  for (int i = 0; i < static_cast<int>(layout_->tensors().size()); ++i) {
    moved.Write(i, 0, Read(i));
  }
  return moved;
}

void InitializeParams(uint64_t seed, ParamSet* params) {
  const ParamLayout& layout = params->layout();
  int num_layers = 0;
  for (const TensorSpec& t : layout.tensors()) {
    num_layers += absl::EndsWith(t.name, "input_layernorm.weight");
  }
  const double residual_scale = 1 / std::sqrt(2.0 * std::max(1, num_layers));
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const TensorSpec& t = layout.tensor(i);
    std::vector<float> values(t.count());
    if (t.cols > 0) {
      const bool writes_residual = absl::EndsWith(t.name, "o_proj.weight") ||
                                   absl::EndsWith(t.name, "down_proj.weight");
      FillNormal(seed, i, kInitStd * (writes_residual ? residual_scale : 1.0),
                 absl::MakeSpan(values));
    } else if (!absl::EndsWith(t.name, ".bias")) {  // a norm's gain
      std::fill(values.begin(), values.end(), 1.0f);
    }
    params->Write(i, 0, values);
  }
}

bool AreFinite(absl::Span<const float> values) {
  float sum = 0;  // 0 * x is 0 for finite x only
  for (float x : values) sum += 0 * x;
  return sum == 0;
}

std::string HashParams(const ParamSet& params) {
  return HashParams(params.layout(),
                    [&](int index, int64_t begin, absl::Span<float> out) {
                      params.Read(index, begin, out);
                    });
}

std::string HashParams(const ParamLayout& layout, ParamReader read) {
  constexpr int64_t kPiece = int64_t{1} << 16;  // elements
  Sha256 hash;
  std::vector<float> piece;
  for (int index : layout.ByName()) {
    const TensorSpec& t = layout.tensor(index);
    hash.Update(absl::StrCat(t.name, " ", t.rows, " ", t.cols, "\n"));
    for (int64_t begin = 0; begin < t.count(); begin += kPiece) {
      piece.resize(std::min(kPiece, t.count() - begin));
      read(index, begin, absl::MakeSpan(piece));
      hash.Update(piece.data(), piece.size() * sizeof(float));
    }
  }
  return hash.FinishHex();
}

}  // namespace r1
