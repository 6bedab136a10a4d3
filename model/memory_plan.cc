#include "model/memory_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/linear.h"
#include "kernels/ops.h"
#include "model/param_set.h"

namespace r1 {
namespace {

constexpr int64_t kFloat = sizeof(float);

// Floats per row that one layer keeps, without its input.
int64_t KeptByLayer(const ModelConfig& c, Keep keep) {
  const int64_t qkv = c.q_size() + 2 * c.kv_size();
  const int64_t attention =
      qkv + (c.qk_norm() ? qkv : 0) + c.num_heads + c.q_size() + c.hidden_size;
  return attention + (keep == Keep::kAll ? 2 * c.intermediate_size : 0);
}

// Working memory of the ops: of a chunk of logits (at most 128 MiB, some rows),
// of a transposed piece of the largest matrix (at most 16 MiB), of a block of
// tokens in the order of the weight gradient.
int64_t OpsBytes(const ModelConfig& c, int64_t rows) {
  constexpr int64_t kLogits = int64_t{1} << 25, kPiece = int64_t{1} << 22;
  constexpr int64_t kTokenBlock = 256;
  const int64_t logits =
      std::min({rows * c.vocab_size, kLogits,
                std::max<int64_t>(256 * c.vocab_size, int64_t{1} << 18)});
  const int64_t widest = std::max(
      {c.vocab_size, 2 * c.intermediate_size, c.q_size() + 2 * c.kv_size()});
  const int64_t piece = std::min(widest * c.hidden_size, kPiece);
  return kFloat * (logits + piece + kTokenBlock * (widest + c.hidden_size));
}

}  // namespace

int64_t MemoryPlan::total() const {
  int64_t sum = 0;
  for (const Line& line : lines) sum += line.bytes;
  return sum;
}

std::string MemoryPlan::ToString() const {
  std::string text;
  for (const Line& line : lines) {
    absl::StrAppendFormat(&text, "  %-20s %10s  %s\n", line.role,
                          FormatBytes(line.bytes), line.why);
  }
  absl::StrAppendFormat(&text, "  %-20s %10s", "in all", FormatBytes(total()));
  return text;
}

absl::Status MemoryPlan::Fits(int64_t bytes) const {
  if (total() <= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "needs about ", FormatBytes(total()), " of memory, and there are ",
      FormatBytes(bytes), ":\n", ToString()));
}

std::string FormatBytes(int64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1 << 20);
  if (mib >= 1000 * 1024) return absl::StrFormat("%.0f GiB", mib / 1024);
  if (mib >= 999.5) return absl::StrFormat("%.3g GiB", mib / 1024);
  return absl::StrFormat("%.3g MiB", mib);
}

int64_t WeightsBytes(const ModelConfig& c, const Device& device) {
  const auto matrix = [&](int64_t outputs, int64_t depth) {
    return device.LinearBytes(outputs, depth, c.weights_dtype);
  };
  const ParamLayout layout(c);
  int64_t bytes = 0;
  for (const TensorSpec& t : layout.tensors()) {
    if (t.cols == 0) bytes += t.rows * kFloat;
  }
  bytes += c.num_layers * (matrix(c.q_size() + 2 * c.kv_size(), c.hidden_size) +
                           matrix(c.hidden_size, c.q_size()) +
                           matrix(2 * c.intermediate_size, c.hidden_size) +
                           matrix(c.hidden_size, c.intermediate_size));
  bytes += matrix(layout.tensor(layout.head()).rows, c.hidden_size);
  if (layout.embedding() != layout.head()) {
    bytes += matrix(c.vocab_size, c.hidden_size);
  }
  return bytes;
}

int64_t KvBytes(const ModelConfig& c, int64_t pages) {
  return kFloat * c.num_layers * pages *
         KvPages::PageElements(c.num_kv_heads, c.head_dim);
}

int64_t PackedModelBytes(const ModelConfig& c, int64_t rows, Keep keep,
                         bool is_trained) {
  const int64_t C = c.hidden_size, F = c.intermediate_size;
  const int64_t qkv = c.q_size() + 2 * c.kv_size();
  // Of a forward pass: the stream, a norm, q, k and v, what attention gives,
  // the hidden states, all and those scored.
  int64_t row = C + C + qkv + c.q_size() + 2 * C + 2;
  if (is_trained) {
    const bool keeps_layers = keep != Keep::kLayerInputs;
    row += (c.num_layers + 1) * C +
           (keeps_layers ? c.num_layers : 1) * KeptByLayer(c, keep);
    row += 2 * C + qkv + c.q_size() + C + 2;  // gradients of the same
  }
  // A sequence's last page may be almost empty.
  const int64_t pages = 2 * KvPages::PagesFor(rows);
  // Gate, up and their product.
  const int64_t wide = 3 * F * std::min(rows, kFeedForwardRows);
  return kFloat * (rows * row + wide) + KvBytes(c, pages) + OpsBytes(c, rows);
}

}  // namespace r1
