#include "rollout/weights_assembler.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace r1 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weights travel as little-endian fp32");

}  // namespace

int64_t NumWeightsChunks(absl::Span<const float> flat) {
  const int64_t bytes = flat.size() * sizeof(float);
  return (bytes + kWeightsChunkBytes - 1) / kWeightsChunkBytes;
}

WeightsChunk MakeWeightsChunk(absl::Span<const float> flat, int64_t index) {
  const int64_t total = flat.size() * sizeof(float);
  const int64_t offset = index * kWeightsChunkBytes;
  const int64_t count = std::min(kWeightsChunkBytes, total - offset);
  WeightsChunk chunk;
  chunk.set_offset_bytes(offset);
  chunk.set_total_bytes(total);
  chunk.set_data(reinterpret_cast<const char*>(flat.data()) + offset, count);
  return chunk;
}

absl::Status WeightsAssembler::Add(const WeightsChunk& chunk) {
  const int64_t expected = params_->flat().size() * sizeof(float);
  if (static_cast<int64_t>(chunk.total_bytes()) != expected) {
    return absl::DataLossError(
        absl::StrCat("the weights that arrive have ", chunk.total_bytes(),
                     " bytes in all, the model has ", expected));
  }
  const int64_t size = chunk.data().size();
  if (static_cast<int64_t>(chunk.offset_bytes()) != received_bytes_ ||
      size > expected - received_bytes_ || size == 0) {
    return absl::DataLossError(
        absl::StrCat("a chunk of ", size, " bytes at offset ",
                     chunk.offset_bytes(), " arrived where offset ",
                     received_bytes_, " of ", expected, " was expected"));
  }
  std::memcpy(reinterpret_cast<char*>(params_->flat().data()) + received_bytes_,
              chunk.data().data(), size);
  received_bytes_ += size;
  return absl::OkStatus();
}

absl::Status WeightsAssembler::Finish(const WeightsId& id) const {
  const int64_t expected = params_->flat().size() * sizeof(float);
  if (received_bytes_ != expected) {
    return absl::DataLossError(absl::StrCat("weights of version ", id.version(),
                                            " ended after ", received_bytes_,
                                            " of ", expected, " bytes"));
  }
  const std::string got = HashParams(*params_);
  if (got != id.sha256()) {
    return absl::DataLossError(absl::StrCat(
        "weights of version ", id.version(), " arrived with SHA-256 ", got,
        ", but ", id.sha256(), " is expected"));
  }
  return absl::OkStatus();
}

}  // namespace r1
