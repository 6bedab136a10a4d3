#include "kernels/cuda/cuda_device.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/log.h"
#include "kernels/cuda/cuda_ops.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/linear.h"
#include "kernels/matrix.h"

namespace r1::cuda {
namespace {

constexpr int64_t kRowElements = 8;  // of 16 bytes

int64_t RowStride(int64_t depth) {
  return (depth + kRowElements - 1) / kRowElements * kRowElements;
}

std::uintptr_t AddressOf(DevicePtr at) {
  return reinterpret_cast<std::uintptr_t>(DeviceAccess::Pointer(at));
}

// Calls fn(address, first, count) for the runs of elements [begin, begin +
// count) of W that lie one after another: rows, or all where there are no gaps.
template <typename Fn>
void ForEachRun(const Linear& w, int64_t begin, int64_t count, Fn fn) {
  R1_CHECK(begin >= 0 && begin + count <= w.count(), "the elements lie in W");
  const Tensor matrix = MatrixOf(w);
  if (matrix.is_dense()) {
    if (count == 0) return;
    const Tensor all = {matrix.at, DType::kBF16, 1, w.count(), w.count()};
    return fn(all.Cols(begin, count).at, 0, count);
  }
  for (int64_t i = 0; i < count;) {
    const int64_t row = (begin + i) / w.depth, k = (begin + i) % w.depth;
    const int64_t run = std::min(count - i, w.depth - k);
    fn(matrix.Rows(row, 1).Cols(k, run).at, i, run);
    i += run;
  }
}

Tensor Elements(const Tensor& x, int64_t begin, int64_t size) {
  R1_CHECK(x.is_dense() && x.dtype == DType::kF32,
           "an fp32 tensor without gaps");
  R1_CHECK(begin >= 0 && begin + size <= x.count(), "elements of the tensor");
  const Tensor all = {x.at, x.dtype, 1, x.count(), x.count()};
  return all.Cols(begin, size);
}

}  // namespace

void ExitIfFailed(const absl::Status& status) {
  if (status.ok()) return;
  const bool is_full = absl::IsResourceExhausted(status);
  LogWarning(absl::StrCat(
      "the device failed: ", status.message(),
      is_full ? "; a smaller rl.microbatch_tokens or rollout.max_batch, or "
                "keep: LAYER_INPUTS need less memory"
              : "; what is saved is whole, and the same command goes on"));
  // Not std::exit: other threads still use the device.
  std::_Exit(is_full ? EXIT_FAILURE : EX_TEMPFAIL);
}

CudaDevice::CudaDevice(std::unique_ptr<Runtime> runtime)
    : runtime_(std::move(runtime)), stream_(runtime_->MakeStream()) {}

CudaDevice::~CudaDevice() { Synchronize(); }

std::string CudaDevice::identity() const {
  const DeviceInfo& info = runtime_->info();
  return absl::StrCat(info.name == "emulated" ? "emulated" : "cuda", " sm_",
                      info.major, info.minor, " mma");
}

int64_t CudaDevice::memory_bytes() const {
  return runtime_->info().memory_bytes;
}

absl::Status CudaDevice::CheckHeadSize(int head_dim) const {
  if (head_dim % 16 == 0 && head_dim > 0 && head_dim <= 128) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the model's attention heads have ", head_dim,
      " channels; on this device they need a multiple of 16, at most 128: use "
      "device: \"cpu\" for this model"));
}

std::unique_ptr<Ops> CudaDevice::MakeOps(int threads) {
  return std::make_unique<CudaOps>(this, threads);
}

DevicePtr CudaDevice::Allocate(int64_t bytes) {
  const int64_t words = (bytes + 3) / 4;
  auto memory = runtime_->Allocate(words * 4);
  ExitIfFailed(memory.status());
  const DevicePtr at = (*memory)->at();
  {
    const absl::MutexLock lock(&mutex_);
    memory_[AddressOf(at)] = *std::move(memory);
  }
  Fill(0, {at, DType::kF32, 1, words, words}, *stream_);
  return at;
}

// What was enqueued may still use it.
void CudaDevice::Free(DevicePtr at, int64_t) {
  Synchronize();
  const absl::MutexLock lock(&mutex_);
  R1_CHECK(memory_.erase(AddressOf(at)) == 1, "memory of this device");
}

void CudaDevice::Read(Tensor x, int64_t begin, absl::Span<float> out) {
  if (out.empty()) return;
  runtime_->CopyToHost(Elements(x, begin, out.size()).at, out.data(),
                       out.size() * sizeof(float), *stream_);
  Synchronize();
}

void CudaDevice::Write(absl::Span<const float> values, int64_t begin,
                       Tensor x) {
  if (values.empty()) return;
  runtime_->CopyToDevice(values.data(), Elements(x, begin, values.size()).at,
                         values.size() * sizeof(float), *stream_);
  Synchronize();
}

int64_t CudaDevice::LinearBytes(int64_t outputs, int64_t depth, DType) const {
  return outputs * RowStride(depth) * BytesOf(DType::kBF16);
}

void CudaDevice::ResizeLinear(int64_t outputs, int64_t depth, Linear* w) {
  w->outputs = outputs;
  w->depth = depth;
  w->dtype = DType::kBF16;
  if (w->data.device() != this) w->data = Buffer(this);
  w->data.Reserve(outputs, RowStride(depth), DType::kBF16);
}

void CudaDevice::ReadLinear(const Linear& w, int64_t begin,
                            absl::Span<float> out) {
  std::vector<uint16_t> values(out.size());
  ForEachRun(
      w, begin, out.size(), [&](DevicePtr at, int64_t first, int64_t count) {
        runtime_->CopyToHost(at, values.data() + first, count * 2, *stream_);
      });
  Synchronize();
  std::transform(values.begin(), values.end(), out.begin(), FromBf16);
}

void CudaDevice::WriteLinear(absl::Span<const float> values, int64_t begin,
                             Linear* w) {
  std::vector<uint16_t> rounded(values.size());
  std::transform(values.begin(), values.end(), rounded.begin(), ToBf16);
  ForEachRun(*w, begin, values.size(),
             [&](DevicePtr at, int64_t first, int64_t count) {
               runtime_->CopyToDevice(rounded.data() + first, at, count * 2,
                                      *stream_);
             });
  Synchronize();
}

void CudaDevice::Synchronize() {
  ExitIfFailed(runtime_->Synchronize(*stream_));
}

Tensor MatrixOf(const Linear& w) {
  R1_CHECK(w.dtype == DType::kBF16, "a matrix that this device made");
  return {w.data.at(), DType::kBF16, w.outputs, w.depth, RowStride(w.depth)};
}

absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(int index) {
  absl::StatusOr<std::unique_ptr<Runtime>> runtime = OpenRuntime(index);
  if (!runtime.ok()) return runtime.status();
  return std::make_unique<CudaDevice>(*std::move(runtime));
}

}  // namespace r1::cuda
