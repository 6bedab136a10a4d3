#include "kernels/cuda/cuda_ops.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/head.h"
#include "kernels/cuda/row_tables.h"
#include "kernels/linear.h"
#include "kernels/matrix.h"

namespace r1::cuda {
namespace {

bool IsSame(DevicePtr a, DevicePtr b) {
  return DeviceAccess::Pointer(a) == DeviceAccess::Pointer(b);
}

const CudaBatch& From(const DeviceBatch& batch) {
  return static_cast<const CudaBatch&>(batch);
}

}  // namespace

struct CudaOps::OwnedBatch : CudaBatch {
  explicit OwnedBatch(CudaOps* ops) : CudaBatch(ops->device_), ops(ops) {
    ops->batches_.insert(this);
  }
  ~OwnedBatch() override { ops->batches_.erase(this); }

  CudaOps* const ops;
};

CudaOps::CudaOps(CudaDevice* device, int threads)
    : device_(device),
      runtime_(device->runtime()),
      stream_(device->stream()),
      pool_(threads),
      scratch_(device),
      uploads_(&runtime_, &stream_) {}

// --- Host and device -------------------------------------------------------

void CudaOps::Upload(absl::Span<const float> values, Tensor to) {
  R1_CHECK(to.count() == static_cast<int64_t>(values.size()) &&
               to.dtype == DType::kF32,
           "Upload: as many values as elements");
  if (to.is_dense()) {
    return uploads_.Copy(values.data(), to.at, values.size() * sizeof(float));
  }
  for (int64_t r = 0; r < to.rows; ++r) {
    uploads_.Copy(values.data() + r * to.cols, to.Rows(r, 1).at,
                  to.cols * sizeof(float));
  }
}

Ticket CudaOps::DownloadBytes(const Tensor& from, void* to, int64_t count) {
  R1_CHECK(from.count() == count, "Download: as many values as elements");
  const int64_t row = from.cols * BytesOf(from.dtype);
  if (from.is_dense() && count > 0) {
    runtime_.CopyToHost(from.at, to, from.rows * row, stream_);
  } else {
    for (int64_t r = 0; r < from.rows && count > 0; ++r) {
      runtime_.CopyToHost(from.Rows(r, 1).at, static_cast<char*>(to) + r * row,
                          row, stream_);
    }
  }
  downloads_.push_back(runtime_.MakeEvent());
  runtime_.Record(*downloads_.back(), stream_);
  return {first_download_ + downloads_.size() - 1};
}

Ticket CudaOps::Download(Tensor from, absl::Span<float> to) {
  R1_CHECK(from.empty() || from.dtype == DType::kF32, "Download: of fp32");
  return DownloadBytes(from, to.data(), to.size());
}

Ticket CudaOps::Download(Tensor from, absl::Span<int32_t> to) {
  R1_CHECK(from.empty() || from.dtype == DType::kI32, "Download: of int32");
  return DownloadBytes(from, to.data(), to.size());
}

void CudaOps::Wait(Ticket ticket) {
  if (ticket.number < first_download_) return;
  const uint64_t index = ticket.number - first_download_;
  R1_CHECK(index < downloads_.size(), "a ticket of these ops");
  ExitIfFailed(runtime_.Synchronize(*downloads_[index]));
  downloads_.erase(downloads_.begin(), downloads_.begin() + index + 1);
  first_download_ = ticket.number + 1;
}

std::unique_ptr<DeviceBatch> CudaOps::MakeBatch() {
  return std::make_unique<OwnedBatch>(this);
}

void CudaOps::Prepare(const HostBatch& host, DeviceBatch* batch) {
  R1_CHECK(host.tokens.size() == host.positions.size(),
           "Prepare: tokens and positions are [T]");
  auto& b = static_cast<CudaBatch&>(*batch);
  PackedInts ints;
  const auto tokens = ints.Add(host.tokens, 0);
  const auto positions = ints.Add(host.positions, 0);
  const auto out_rows = ints.Add(host.out_rows, 0);
  const auto targets = ints.Add(host.targets, 0);
  const auto writes = ints.Add(KvWritesOf(host), 2);
  const int64_t count = ints.all().size();
  const Tensor memory = b.memory.Reserve(1, count, DType::kI32);
  uploads_.Copy(ints.all().data(), memory.at, count * sizeof(int32_t));
  b.tokens = PackedInts::At(memory, tokens);
  b.positions = PackedInts::At(memory, positions);
  b.out_rows = PackedInts::At(memory, out_rows);
  b.targets = PackedInts::At(memory, targets);
  b.kv_writes = PackedInts::At(memory, writes);

  b.token_ids.assign(host.tokens.begin(), host.tokens.end());
  b.out_row_ids.assign(host.out_rows.begin(), host.out_rows.end());
  b.sequences.assign(host.sequences.begin(), host.sequences.end());
  b.pages.clear();
  for (const SequenceRows& s : b.sequences) {
    b.pages.insert(b.pages.end(), s.pages.begin(), s.pages.end());
  }
  const int32_t* pages = b.pages.data();
  for (SequenceRows& s : b.sequences) {
    s.pages = {pages, s.pages.size()};
    pages += s.pages.size();
  }
  b.forward.group = b.backward.group = 0;
}

const DeviceAttentionTables& CudaOps::TablesOf(const DeviceBatch& batch,
                                               const Tensor& q,
                                               const KvPages& cache,
                                               bool for_backward) {
  const CudaBatch& b = From(batch);
  CudaBatch::Attention& a = for_backward ? b.backward : b.forward;
  R1_CHECK(cache.num_kv_heads > 0 && cache.head_dim > 0, "K and D are set");
  const int group =
      static_cast<int>(q.cols / cache.head_dim / cache.num_kv_heads);
  if (a.group == group) return a.tables;
  const AttentionTables host =
      MakeAttentionTables(b.sequences, group, for_backward);
  PackedInts ints;
  const auto sequences = ints.AddEntries(host.sequences);
  const auto pages = ints.Add(host.pages, 0);
  const auto split_tiles = ints.AddEntries(host.split_tiles);
  const auto fold_tiles = ints.AddEntries(host.fold_tiles);
  const auto row_tiles = ints.AddEntries(host.row_tiles);
  const auto key_tiles = ints.AddEntries(host.key_tiles);
  const int64_t count = ints.all().size();
  const Tensor memory = a.memory.Reserve(1, count, DType::kI32);
  uploads_.Copy(ints.all().data(), memory.at, count * sizeof(int32_t));
  a.tables = {PackedInts::At(memory, sequences),
              PackedInts::At(memory, pages),
              PackedInts::At(memory, split_tiles),
              PackedInts::At(memory, fold_tiles),
              PackedInts::At(memory, row_tiles),
              PackedInts::At(memory, key_tiles),
              host.splits};
  a.group = group;
  return a.tables;
}

// --- Rows ------------------------------------------------------------------

void CudaOps::GatherRows(Tensor x, Tensor ids, Tensor y) {
  cuda::GatherRows(x, ids, y, stream_);
}

// Those of a batch are known; others the device must tell.
std::vector<int32_t> CudaOps::IdsOnHost(const Tensor& ids) {
  for (const CudaBatch* batch : batches_) {
    if (ids.count() == batch->tokens.count() &&
        IsSame(ids.at, batch->tokens.at)) {
      return batch->token_ids;
    }
    if (ids.count() == batch->out_rows.count() &&
        IsSame(ids.at, batch->out_rows.at)) {
      return batch->out_row_ids;
    }
  }
  std::vector<int32_t> values(ids.count());
  Wait(Download(ids, absl::MakeSpan(values)));
  return values;
}

void CudaOps::ScatterAddRows(Tensor dy, Tensor ids, Tensor dx) {
  R1_CHECK(ids.count() == dy.rows, "ScatterAddRows: dy [T, C], ids [T]");
  if (dy.empty()) return;
  const Arena::Scope scope(&scratch_);
  const RowsById groups = GroupRowsById(IdsOnHost(ids));
  R1_CHECK(groups.ids.front() >= 0 && groups.ids.back() < dx.rows,
           "ids lie in the matrix");
  PackedInts ints;
  const auto group_ids = ints.Add(groups.ids, 0);
  const auto begins = ints.Add(groups.begins, 0);
  const auto rows = ints.Add(groups.rows, 0);
  const int64_t count = ints.all().size();
  const Tensor memory = scratch_.Take(1, count, DType::kI32);
  uploads_.Copy(ints.all().data(), memory.at, count * sizeof(int32_t));
  cuda::ScatterAddRows(
      dy,
      {PackedInts::At(memory, group_ids), PackedInts::At(memory, begins),
       PackedInts::At(memory, rows)},
      dx, stream_);
}

void CudaOps::Copy(Tensor x, Tensor y) { cuda::Copy(x, y, stream_); }
void CudaOps::Add(Tensor x, Tensor y) { cuda::Add(x, y, stream_); }
void CudaOps::Fill(float value, Tensor y) { cuda::Fill(value, y, stream_); }
void CudaOps::Scale(float factor, Tensor y) { cuda::Scale(factor, y, stream_); }

// --- Norm, rotation, SwiGLU ------------------------------------------------

void CudaOps::RmsNormForward(Tensor x, Tensor w, int groups, float eps,
                             Tensor y) {
  cuda::RmsNormForward(x, w, groups, eps, y, stream_);
}

void CudaOps::RmsNormBackward(Tensor x, Tensor w, int groups, float eps,
                              Tensor dy, Store store, Tensor dx, Tensor dw) {
  const Arena::Scope scope(&scratch_);
  const Tensor partials =
      dw.empty() ? Tensor()
                 : scratch_.Take(Partials(x.rows * groups), w.count());
  cuda::RmsNormBackward(x, w, groups, eps, dy, store, dx, dw, partials,
                        stream_);
}

void CudaOps::Rope(Tensor x, int heads, Tensor positions, Tensor cos_sin,
                   bool inverse) {
  cuda::Rope(x, heads, positions, cos_sin, inverse, stream_);
}

void CudaOps::SwiGluForward(Tensor gate_up, Tensor y) {
  cuda::SwiGluForward(gate_up, y, stream_);
}

void CudaOps::SwiGluBackward(Tensor gate_up, Tensor dy, Tensor dgate_up) {
  cuda::SwiGluBackward(gate_up, dy, dgate_up, stream_);
}

// --- Linear ----------------------------------------------------------------

Tensor CudaOps::Operand(const Tensor& x) {
  const bool is_aligned =
      reinterpret_cast<uintptr_t>(DeviceAccess::Pointer(x.at)) % 16 == 0 &&
      (x.rows <= 1 || x.stride % 8 == 0);
  if (x.empty() || (x.dtype == DType::kBF16 && is_aligned)) return x;
  const int64_t stride = (x.cols + 7) / 8 * 8;
  const Tensor copy =
      scratch_.Take(x.rows, stride, DType::kBF16).Cols(0, x.cols);
  cuda::Copy(x, copy, stream_);
  return copy;
}

void CudaOps::SetLinear(absl::Span<const Tensor> parts, Linear* w) {
  R1_CHECK(!parts.empty(), "a weight matrix has a part");
  int64_t rows = 0;
  for (const Tensor& part : parts) {
    R1_CHECK(part.cols == parts[0].cols,
             "parts of a weight matrix have equal columns");
    rows += part.rows;
  }
  device_->ResizeLinear(rows, parts[0].cols, w);
  const Tensor matrix = MatrixOf(*w);
  int64_t begin = 0;
  for (const Tensor& part : parts) {
    cuda::Copy(part, matrix.Rows(begin, part.rows), stream_);
    begin += part.rows;
  }
}

void CudaOps::LinearRows(const Linear& w, Tensor ids, Tensor y) {
  cuda::GatherRows(MatrixOf(w), ids, y, stream_);
}

void CudaOps::MatMulTo(Tensor x, const Linear& w, Tensor bias, Tensor start,
                       Tensor y) {
  const Arena::Scope scope(&scratch_);
  const Tensor partials = Floats(MatMulScratch(x.rows, w.outputs, w.depth));
  cuda::MatMul(Operand(x), MatrixOf(w), bias, start, y, partials, stream_);
}

void CudaOps::MatMul(Tensor x, const Linear& w, Tensor bias, Tensor y) {
  MatMulTo(x, w, bias, {}, y);
}

void CudaOps::MatMulAdd(Tensor x, const Linear& w, Tensor start, Tensor y) {
  MatMulTo(x, w, {}, start, y);
}

void CudaOps::MatMulTransposed(Tensor dy, const Linear& w, Tensor dx) {
  const Arena::Scope scope(&scratch_);
  cuda::MatMulTransposed(Operand(dy), MatrixOf(w), {}, dx, stream_);
}

void CudaOps::MatMulWeightGradient(Tensor dy, Tensor x, Tensor dw) {
  const Arena::Scope scope(&scratch_);
  cuda::MatMulWeightGradient(Operand(dy), Operand(x), dw, stream_);
}

void CudaOps::ColumnSum(Tensor dy, Tensor db) {
  const Arena::Scope scope(&scratch_);
  cuda::ColumnSum(dy, db, scratch_.Take(Partials(dy.rows), dy.cols), stream_);
}

// --- Attention -------------------------------------------------------------

void CudaOps::KvWrite(Tensor k, Tensor v, const DeviceBatch& batch,
                      const KvPages& cache) {
  cuda::KvWrite(k, v, From(batch).kv_writes, cache.num_kv_heads, cache.data,
                stream_);
}

void CudaOps::AttentionForward(Tensor q, const DeviceBatch& batch,
                               const KvPages& cache, float scale, Tensor out,
                               Tensor lse) {
  const Arena::Scope scope(&scratch_);
  const DeviceAttentionTables& tables = TablesOf(batch, q, cache, false);
  cuda::AttentionForward(Operand(q), tables, cache, scale, out, lse,
                         Floats(AttentionScratch(tables, cache)), stream_);
}

void CudaOps::AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                                const DeviceBatch& batch, const KvPages& cache,
                                float scale, Tensor dq, Tensor dk, Tensor dv) {
  const Arena::Scope scope(&scratch_);
  const DeviceAttentionTables& tables = TablesOf(batch, q, cache, true);
  cuda::AttentionBackward(Operand(q), out, lse, Operand(dout), tables, cache,
                          scale, dq, dk, dv, Floats(lse.count()), stream_);
}

// --- Head ------------------------------------------------------------------

void CudaOps::LogprobForward(Tensor h, const Linear& head, Tensor targets,
                             float inv_temperature, Tensor logprob,
                             Tensor entropy) {
  const Arena::Scope scope(&scratch_);
  cuda::LogprobForward(Operand(h), MatrixOf(head), targets, inv_temperature,
                       logprob, entropy,
                       Floats(LogprobScratch(h.rows, head.outputs)), stream_);
}

void CudaOps::LogprobBackward(Tensor h, const Linear& head, Tensor targets,
                              float inv_temperature, Tensor dlogprob,
                              Tensor dentropy, Tensor dh, Tensor dhead,
                              Tensor logprob, Tensor entropy) {
  const Arena::Scope scope(&scratch_);
  cuda::LogprobBackward(Operand(h), MatrixOf(head), targets, inv_temperature,
                        dlogprob, dentropy, dh, dhead, logprob, entropy,
                        Floats(LogprobGradientScratch(h.rows, head.outputs)),
                        stream_);
}

void CudaOps::Sample(Tensor logits, absl::Span<const SampleRequest> requests,
                     Tensor tokens, Tensor logprobs) {
  R1_CHECK(static_cast<int64_t>(requests.size()) == logits.rows,
           "requests is [S]");
  const Arena::Scope scope(&scratch_);
  const std::vector<SampleRow> host = SampleRowsOf(requests);
  const Tensor rows = scratch_.Take(host.size(), 4, DType::kI32);
  uploads_.Copy(host.data(), rows.at, host.size() * sizeof(SampleRow));
  cuda::Sample(logits, rows, tokens, logprobs,
               Floats(SampleScratch(logits.rows, logits.cols)), stream_);
}

// --- Optimizer -------------------------------------------------------------

void CudaOps::AdamW(Tensor params, Tensor grads, Tensor m, Tensor v,
                    const AdamWParams& p) {
  cuda::AdamW(params, grads, m, v, p, stream_);
}

double CudaOps::SumSquares(Tensor x) {
  if (x.empty()) return 0;
  const Arena::Scope scope(&scratch_);
  const Tensor sums = Floats(2 * SumSquaresBlocks(x.count()));
  cuda::SumSquares(x, sums.at, stream_);
  double sum = 0;
  runtime_.CopyToHost(sums.at, &sum, sizeof sum, stream_);
  device_->Synchronize();
  return sum;
}

void CudaOps::ForEachTask(int64_t count,
                          absl::FunctionRef<void(int64_t)> task) {
  pool_.ParallelFor(count, [&](int64_t i, int) { task(i); });
}

}  // namespace r1::cuda
