#include "model/lora.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/philox.h"
#include "base/sha256.h"

namespace r1 {
namespace {

constexpr absl::string_view kTargets[] = {"q_proj",   "k_proj",    "v_proj",
                                          "o_proj",   "gate_proj", "up_proj",
                                          "down_proj"};

// Whether bf16 holds every element of the matrices.
bool AreBf16(const ParamSet& params) {
  for (size_t i = 0; i < params.layout().tensors().size(); ++i) {
    if (params.layout().tensor(i).cols == 0) continue;
    for (float value : params.Read(i)) {
      if (FromBf16(ToBf16(value)) != value) return false;
    }
  }
  return true;
}

// to += factor * from, rounded once by the product and once by the sum; in runs
// of a length that compilers make vectors of.
void AddScaled(float factor, const float* __restrict from, int64_t count,
               float* __restrict to) {
  constexpr int64_t kRun = 16;
  int64_t k = 0;
  for (; k + kRun <= count; k += kRun) {
    for (int64_t i = 0; i < kRun; ++i) to[k + i] += factor * from[k + i];
  }
  for (; k < count; ++k) to[k] += factor * from[k];
}

}  // namespace

absl::Span<const absl::string_view> LoraTargets() { return kTargets; }

// "model.layers.0.self_attn.q_proj.weight" is "q_proj".
bool IsLoraTarget(const TensorSpec& tensor,
                  const std::vector<std::string>& targets) {
  return absl::c_any_of(targets, [&](const std::string& target) {
    return absl::EndsWith(tensor.name, absl::StrCat(".", target, ".weight"));
  });
}

absl::Status CheckLora(const LoraConfig& config, const ModelConfig& model) {
  for (const std::string& target : config.targets) {
    if (absl::c_linear_search(kTargets, target)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("lora.targets: expected names of ",
                     absl::StrJoin(kTargets, " "), ", got \"", target, "\""));
  }
  if (!(config.alpha > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "lora.alpha: expected a number above 0, got ", config.alpha));
  }
  const ParamLayout layout(model);
  for (const TensorSpec& tensor : layout.tensors()) {
    if (!IsLoraTarget(tensor, config.targets)) continue;
    const int64_t side = std::min(tensor.rows, tensor.cols);
    if (config.rank <= side) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "lora.rank: ", config.rank, " exceeds the smaller side of ",
        tensor.name, " [", tensor.rows, ", ", tensor.cols,
        "]: expected at most ", side, ", or lora.targets without that module"));
  }
  return absl::OkStatus();
}

Lora::Lora(const LoraConfig& config, const ModelConfig& model,
           const ParamSet& params, Ops* ops)
    : config_(config) {
  ModelConfig held = model;
  held.weights_dtype = AreBf16(params) ? DType::kBF16 : DType::kF32;
  base_ = MakePolicyWeights(held, params, ops);
  std::vector<TensorSpec> specs;
  for (const TensorSpec& tensor : params.layout().tensors()) {
    const bool has_adapter = IsLoraTarget(tensor, config.targets);
    adapters_.push_back(has_adapter ? static_cast<int>(specs.size()) : -1);
    if (!has_adapter) continue;
    const std::string module = absl::StrCat(
        "base_model.model.", absl::StripSuffix(tensor.name, ".weight"));
    specs.push_back({module + ".lora_A.weight", config.rank, tensor.cols});
    specs.push_back({module + ".lora_B.weight", tensor.rows, config.rank});
  }
  layout_ = std::make_shared<const ParamLayout>(specs);
}

ParamSet Lora::InitialAdapters(uint64_t seed) const {
  ParamSet adapters(layout_);
  for (size_t i = 0; i < layout_->tensors().size(); i += 2) {
    const TensorSpec& a = layout_->tensor(i);
    const uint64_t name =
        std::stoull(Sha256Hex(a.name).substr(0, 12), nullptr, 16);
    RandomSequence random(seed, RandomStream::kAdapters, name, 0);
    const float bound = 1 / std::sqrt(static_cast<float>(a.cols));
    std::vector<float> values(a.count());
    for (float& value : values) value = bound * (2 * random.NextUniform() - 1);
    adapters.Write(i, 0, values);
  }
  return adapters;
}

void Lora::ReadSum(const ParamSet& adapters, int tensor, int64_t begin,
                   absl::Span<float> out) const {
  base_->Read(tensor, begin, out);
  const int a = AdapterOf(tensor), b = a + 1;
  if (a < 0) return;
  const std::vector<float> thin_a = adapters.Read(a);  // [rank, cols]
  const int64_t rank = config_.rank;
  const int64_t cols = layout_->tensor(a).cols;
  std::vector<float> factors(rank), product(cols);
  for (int64_t row = begin / cols, first = begin % cols; !out.empty();
       ++row, first = 0) {
    const int64_t count = std::min<int64_t>(cols - first, out.size());
    adapters.Read(b, row * rank, absl::MakeSpan(factors));
    std::fill(product.begin(), product.end(), 0.0f);
    for (int64_t r = 0; r < rank; ++r) {
      AddScaled(factors[r], &thin_a[r * cols + first], count, product.data());
    }
    for (int64_t k = 0; k < count; ++k) {
      // -0 + 0 would be 0, another number than W0's.
      if (product[k] != 0) out[k] += scale() * product[k];
    }
    out.remove_prefix(count);
  }
}

void Lora::Merge(const ParamSet& adapters, Ops* ops,
                 PolicyWeights* weights) const {
  constexpr int64_t kPiece = int64_t{1} << 16;  // elements
  struct Piece {
    int tensor;
    int64_t begin, size;
  };
  std::vector<Piece> pieces;
  const ParamLayout& layout = base_->layout();
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const int64_t count = layout.tensor(i).count();
    for (int64_t begin = 0; begin < count; begin += kPiece) {
      pieces.push_back(
          {static_cast<int>(i), begin, std::min(kPiece, count - begin)});
    }
  }
  ops->ForEachTask(pieces.size(), [&](int64_t i) {
    const Piece& piece = pieces[i];
    std::vector<float> values(piece.size);
    ReadSum(adapters, piece.tensor, piece.begin, absl::MakeSpan(values));
    weights->Write(piece.tensor, piece.begin, values);
  });
}

}  // namespace r1
