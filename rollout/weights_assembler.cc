#include "rollout/weights_assembler.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weights travel as little-endian fp32");

int64_t TotalBytes(const PolicyWeights& weights) {
  return weights.layout().count() * sizeof(float);
}

// Calls fn(tensor, first element, offset in the range, elements) for what the
// range [begin, begin + size) of the flat layout has of each tensor. Between
// tensors are a few elements of nothing.
template <typename Fn>
void ForEachPart(const ParamLayout& layout, int64_t begin, int64_t size,
                 Fn fn) {
  for (int i = 0; i < static_cast<int>(layout.tensors().size()); ++i) {
    const TensorSpec& t = layout.tensor(i);
    const int64_t from = std::max(begin, t.offset);
    const int64_t to = std::min(begin + size, t.offset + t.count());
    if (from < to) fn(i, from - t.offset, from - begin, to - from);
  }
}

}  // namespace

int64_t NumWeightsChunks(const PolicyWeights& weights) {
  return (TotalBytes(weights) + kWeightsChunkBytes - 1) / kWeightsChunkBytes;
}

WeightsChunk MakeWeightsChunk(const PolicyWeights& weights, int64_t index) {
  const int64_t total = TotalBytes(weights);
  const int64_t offset = index * kWeightsChunkBytes;
  std::vector<float> values(std::min(kWeightsChunkBytes, total - offset) /
                            sizeof(float));
  ForEachPart(weights.layout(), offset / sizeof(float), values.size(),
              [&](int tensor, int64_t first, int64_t at, int64_t count) {
                weights.Read(tensor, first,
                             absl::MakeSpan(values).subspan(at, count));
              });
  WeightsChunk chunk;
  chunk.set_offset_bytes(offset);
  chunk.set_total_bytes(total);
  chunk.set_data(values.data(), values.size() * sizeof(float));
  return chunk;
}

absl::Status WeightsAssembler::Add(const WeightsChunk& chunk) {
  const int64_t expected = TotalBytes(*weights_);
  if (static_cast<int64_t>(chunk.total_bytes()) != expected) {
    return absl::DataLossError(
        absl::StrCat("the weights that arrive have ", chunk.total_bytes(),
                     " bytes in all, the model has ", expected));
  }
  const int64_t size = chunk.data().size();
  if (static_cast<int64_t>(chunk.offset_bytes()) != received_bytes_ ||
      size > expected - received_bytes_ || size == 0 ||
      size % sizeof(float) != 0) {
    return absl::DataLossError(
        absl::StrCat("a chunk of ", size, " bytes at offset ",
                     chunk.offset_bytes(), " arrived where offset ",
                     received_bytes_, " of ", expected, " was expected"));
  }
  std::vector<float> values(size / sizeof(float));
  std::memcpy(values.data(), chunk.data().data(), size);
  ForEachPart(weights_->layout(), received_bytes_ / sizeof(float),
              values.size(),
              [&](int tensor, int64_t first, int64_t at, int64_t count) {
                weights_->Write(tensor, first,
                                absl::MakeConstSpan(values).subspan(at, count));
              });
  received_bytes_ += size;
  return absl::OkStatus();
}

absl::Status WeightsAssembler::Finish(const WeightsId& id, Ops* ops) const {
  const int64_t expected = TotalBytes(*weights_);
  if (received_bytes_ != expected) {
    return absl::DataLossError(absl::StrCat("weights of version ", id.version(),
                                            " ended after ", received_bytes_,
                                            " of ", expected, " bytes"));
  }
  const std::string got = HashWeights(*weights_, ops);
  if (got != id.sha256()) {
    return absl::DataLossError(absl::StrCat(
        "weights of version ", id.version(), " arrived with SHA-256 ", got,
        ", but ", id.sha256(), " is expected"));
  }
  return absl::OkStatus();
}

}  // namespace r1
