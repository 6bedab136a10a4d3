#include "model/weights.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "base/sha256.h"

namespace r1 {

PolicyWeights::PolicyWeights(const ModelConfig& config, Device* device)
    : config_(config),
      layout_(config),
      layers_(config.num_layers),
      vectors_(device),
      places_(layout_.tensors().size()) {
  int64_t vector_elements = 0;
  for (const TensorSpec& spec : layout_.tensors()) {
    if (spec.cols == 0) vector_elements += spec.rows;
  }
  vectors_.Reserve(vector_elements);
  int64_t next = 0;
  for (int l = 0; l < config_.num_layers; ++l) {
    const LayerTensors& t = layout_.layer(l);
    LayerWeights& w = layers_[l];
    w.input_norm = PlaceVector({t.input_norm}, &next);
    PlaceMatrix({t.q, t.k, t.v}, &w.qkv);
    w.qkv_bias = PlaceVector({t.q_bias, t.k_bias, t.v_bias}, &next);
    w.q_norm = PlaceVector({t.q_norm}, &next);
    w.k_norm = PlaceVector({t.k_norm}, &next);
    PlaceMatrix({t.o}, &w.o);
    w.post_norm = PlaceVector({t.post_norm}, &next);
    PlaceMatrix({t.gate, t.up}, &w.gate_up);
    PlaceMatrix({t.down}, &w.down);
  }
  final_norm_ = PlaceVector({layout_.final_norm()}, &next);
  PlaceMatrix({layout_.head()}, &head_);
  if (layout_.embedding() != layout_.head()) {
    PlaceMatrix({layout_.embedding()}, &embedding_);
  }
}

// The rows of `tensors`, one after the other.
void PolicyWeights::PlaceMatrix(absl::Span<const int> tensors, Linear* matrix) {
  int64_t row = 0;
  for (int tensor : tensors) {
    places_[tensor] = {matrix, row, {}};
    row += layout_.tensor(tensor).rows;
  }
  matrix->dtype = config_.weights_dtype;
  device()->ResizeLinear(row, layout_.tensor(tensors[0]).cols, matrix);
}

// The elements of `tensors`, those that exist, one after the other.
Tensor PolicyWeights::PlaceVector(absl::Span<const int> tensors,
                                  int64_t* next) {
  const Tensor all = vectors_.Matrix(1, vectors_.count());
  const int64_t begin = *next;
  for (int tensor : tensors) {
    if (tensor < 0) continue;
    const int64_t count = layout_.tensor(tensor).rows;
    places_[tensor] = {nullptr, 0, all.Cols(*next, count)};
    *next += count;
  }
  return all.Cols(begin, *next - begin);
}

void PolicyWeights::Assign(const ParamSet& params, Ops* ops) {
  R1_CHECK(params.layout().count() == layout_.count(),
           "the parameters are those of the model");
  if (params.device() != device()) {
    for (int i = 0; i < static_cast<int>(places_.size()); ++i) {
      Write(i, 0, params.Read(i));
    }
    return;
  }
  const auto set = [&](absl::Span<const int> tensors, Linear* matrix) {
    std::vector<Tensor> parts;
    for (int tensor : tensors) parts.push_back(params.tensor(tensor));
    ops->SetLinear(parts, matrix);
  };
  for (int l = 0; l < config_.num_layers; ++l) {
    const LayerTensors& t = layout_.layer(l);
    LayerWeights& w = layers_[l];
    set({t.q, t.k, t.v}, &w.qkv);
    set({t.o}, &w.o);
    set({t.gate, t.up}, &w.gate_up);
    set({t.down}, &w.down);
  }
  set({layout_.head()}, &head_);
  if (layout_.embedding() != layout_.head()) {
    set({layout_.embedding()}, &embedding_);
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].matrix != nullptr) continue;
    ops->Copy(params.tensor(i), places_[i].vector);
  }
}

void PolicyWeights::Read(int index, int64_t begin,
                         absl::Span<float> out) const {
  const Place& place = places_[index];
  if (place.matrix != nullptr) {
    device()->ReadLinear(*place.matrix, place.row * place.matrix->depth + begin,
                         out);
  } else {
    device()->Read(place.vector, begin, out);
  }
}

void PolicyWeights::Write(int index, int64_t begin,
                          absl::Span<const float> values) {
  const Place& place = places_[index];
  if (place.matrix != nullptr) {
    device()->WriteLinear(values, place.row * place.matrix->depth + begin,
                          place.matrix);
  } else {
    device()->Write(values, begin, place.vector);
  }
}

std::shared_ptr<const PolicyWeights> MakePolicyWeights(
    const ModelConfig& config, const ParamSet& params, Ops* ops) {
  auto weights = std::make_shared<PolicyWeights>(config, ops->device());
  weights->Assign(params, ops);
  return weights;
}

std::string HashWeights(const PolicyWeights& weights, Ops* ops) {
  constexpr int64_t kLeaf = int64_t{1} << 14;  // elements
  struct Leaf {
    int tensor;
    int64_t begin;
    std::string digest;
  };
  const ParamLayout& layout = weights.layout();
  std::vector<Leaf> leaves;
  for (int tensor : layout.ByName()) {
    for (int64_t begin = 0; begin < layout.tensor(tensor).count();
         begin += kLeaf) {
      leaves.push_back({tensor, begin, ""});
    }
  }
  ops->ForEachTask(leaves.size(), [&](int64_t i) {
    Leaf& leaf = leaves[i];
    std::vector<float> values(
        std::min(kLeaf, layout.tensor(leaf.tensor).count() - leaf.begin));
    weights.Read(leaf.tensor, leaf.begin, absl::MakeSpan(values));
    Sha256 hash;
    hash.Update(values.data(), values.size() * sizeof(float));
    leaf.digest = hash.FinishHex();
  });
  Sha256 root;
  for (const Leaf& leaf : leaves) {
    if (leaf.begin == 0) {
      const TensorSpec& t = layout.tensor(leaf.tensor);
      root.Update(absl::StrCat(t.name, " ", t.rows, " ", t.cols, "\n"));
    }
    root.Update(leaf.digest);
  }
  return root.FinishHex();
}

struct WeightSlots::Unused {
  absl::Mutex mutex;
  std::vector<std::unique_ptr<PolicyWeights>> weights ABSL_GUARDED_BY(mutex);
};

WeightSlots::WeightSlots(const ModelConfig& config, Device* device)
    : config_(config), device_(device), unused_(std::make_shared<Unused>()) {}

std::shared_ptr<PolicyWeights> WeightSlots::Next() {
  std::unique_ptr<PolicyWeights> slot;
  {
    absl::MutexLock lock(&unused_->mutex);
    if (!unused_->weights.empty()) {
      slot = std::move(unused_->weights.back());
      unused_->weights.pop_back();
    }
  }
  if (slot == nullptr) slot = std::make_unique<PolicyWeights>(config_, device_);
  return std::shared_ptr<PolicyWeights>(
      slot.release(), [unused = unused_](PolicyWeights* weights) {
        absl::MutexLock lock(&unused->mutex);
        unused->weights.emplace_back(weights);
      });
}

}  // namespace r1
