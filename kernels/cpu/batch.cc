// Batches, and copies between host and device, which are one memory here.
#include <algorithm>

#include "base/check.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_ops.h"

namespace r1::cpu {
namespace {

// Appends `values` to `all`, which has room for them.
Tensor Take(absl::Span<const int32_t> values, std::vector<int32_t>* all) {
  const size_t begin = all->size();
  all->insert(all->end(), values.begin(), values.end());
  return VectorTensor(absl::MakeConstSpan(*all).subspan(begin));
}

template <typename T>
void CopyOut(const Tensor& from, absl::Span<T> to) {
  R1_CHECK(from.count() == static_cast<int64_t>(to.size()),
           "Download: as many values as elements");
  const MatrixView<const T> rows = from;
  for (int64_t r = 0; r < rows.rows; ++r) {
    std::copy_n(rows.Row(r), rows.cols, to.begin() + r * rows.cols);
  }
}

}  // namespace

std::unique_ptr<DeviceBatch> CpuOps::MakeBatch() {
  return std::make_unique<CpuBatch>();
}

void CpuOps::Prepare(const HostBatch& host, DeviceBatch* batch) {
  R1_CHECK(host.tokens.size() == host.positions.size(),
           "Prepare: tokens and positions are [T]");
  auto& b = static_cast<CpuBatch&>(*batch);
  b.ids.clear();
  b.ids.reserve(host.tokens.size() + host.positions.size() +
                host.out_rows.size() + host.targets.size());
  b.tokens = Take(host.tokens, &b.ids);
  b.positions = Take(host.positions, &b.ids);
  b.out_rows = Take(host.out_rows, &b.ids);
  b.targets = Take(host.targets, &b.ids);

  b.num_sequences = host.sequences.size();
  b.sequences.assign(host.sequences.begin(), host.sequences.end());
  b.sequences.insert(b.sequences.end(), host.copies.begin(), host.copies.end());
  size_t num_pages = 0;
  for (const SequenceRows& s : b.sequences) num_pages += s.pages.size();
  b.pages.clear();
  b.pages.reserve(num_pages);
  for (SequenceRows& s : b.sequences) {
    const size_t begin = b.pages.size();
    b.pages.insert(b.pages.end(), s.pages.begin(), s.pages.end());
    s.pages = absl::MakeConstSpan(b.pages).subspan(begin);
  }
}

void CpuOps::Upload(absl::Span<const float> values, Tensor to) {
  R1_CHECK(to.count() == static_cast<int64_t>(values.size()),
           "Upload: as many values as elements");
  const Mat rows = to;
  for (int64_t r = 0; r < rows.rows; ++r) {
    std::copy_n(values.begin() + r * rows.cols, rows.cols, rows.Row(r));
  }
}

Ticket CpuOps::Download(Tensor from, absl::Span<float> to) {
  CopyOut(from, to);
  return {};
}

Ticket CpuOps::Download(Tensor from, absl::Span<int32_t> to) {
  CopyOut(from, to);
  return {};
}

// Every op has run when its call returns.
void CpuOps::Wait(Ticket) {}

}  // namespace r1::cpu
