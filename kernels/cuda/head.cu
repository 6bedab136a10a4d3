#include <algorithm>
#include <limits>

#include "base/check.h"
#include "kernels/cuda/constants.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/gemm_args.h"
#include "kernels/cuda/head.cuh"
#include "kernels/cuda/head.h"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

int64_t GroupsOf(int64_t vocabulary) {
  return (vocabulary + kGroupIds - 1) / kGroupIds;
}

// Rows whose statistics are held at a time: they do not show.
constexpr int64_t kStatsRows = 4096;

// Floats of statistics of so many rows.
int64_t StatsFloats(int64_t rows, int64_t vocabulary) {
  return std::min(rows, kStatsRows) * GroupsOf(vocabulary) *
         (sizeof(SoftmaxStats) / sizeof(float));
}

// Where results of a row go; each may be null.
struct RowVectors {
  float *lse, *logprob, *entropy;
};

float* VectorOf(const Tensor& x, int64_t rows) {
  R1_CHECK(x.empty() || (x.count() == rows && x.is_dense()),
           "vectors of the head are [T]");
  return x.empty() ? nullptr : ViewOf<float>(x).data;
}
float* At(float* vector, int64_t row) {
  return vector == nullptr ? nullptr : vector + row;
}

void CheckHead(const Tensor& h, const Tensor& head, const Tensor& targets) {
  R1_CHECK(h.cols == head.cols, "h is [T, C], the head [V, C]");
  R1_CHECK(targets.count() == h.rows && targets.is_dense(), "targets is [T]");
}

// Logits of rows `h` and ids `head`, whose order is that of a vocabulary of
// `vocabulary` ids.
HeadArgs ArgsOf(const Tensor& h, const Tensor& head, const int32_t* targets,
                float inv_temperature, int64_t vocabulary) {
  Tensor logits;
  logits.rows = h.rows;
  logits.cols = head.rows;
  HeadArgs args = {};
  args.product = ProductArgs(h, head, h.cols, {}, logits);
  args.product.chunk = ChunkDepth(vocabulary, h.cols);
  args.scale = inv_temperature * kLog2E;
  args.targets = targets;
  return args;
}

GridSize TilesOf(const HeadArgs& args,
                 SourceLine where = SourceLine::Current()) {
  const GemmArgs& p = args.product;
  return GridSize((p.n + Rows128::BN - 1) / Rows128::BN,
                  (p.m + Rows128::BM - 1) / Rows128::BM, 1, where);
}

// scratch: LogprobScratch(T, V) floats.
void Score(const Tensor& h, const Tensor& head, const Tensor& targets,
           float inv_temperature, const RowVectors& to, float* scratch,
           Stream& stream) {
  const int64_t groups = GroupsOf(head.rows);
  float* const target_z = scratch + StatsFloats(h.rows, head.rows);
  const int32_t* const ids = ViewOf<int32_t>(targets).data;
  Tensor z;
  z.at = DeviceAccess::Address(target_z);
  z.rows = 1;
  z.cols = z.stride = h.rows;
  // Stays so where the target is no id.
  Fill(std::numeric_limits<float>::quiet_NaN(), z, stream);
  for (int64_t begin = 0; begin < h.rows; begin += kStatsRows) {
    const int64_t count = std::min(kStatsRows, h.rows - begin);
    HeadStatsArgs args = {};
    args.head = ArgsOf(h.Rows(begin, count), head, ids + begin, inv_temperature,
                       head.rows);
    args.stats = reinterpret_cast<SoftmaxStats*>(scratch);
    args.groups = static_cast<int>(groups);
    args.target_z = target_z + begin;
    Launch(HeadStatsKernel, TilesOf(args.head), Rows128::kThreads,
           Rows128::kSharedBytes, stream, args);
    FinishRows(
        {args.stats, args.groups, args.target_z, static_cast<int>(count),
         At(to.lse, begin), At(to.logprob, begin), At(to.entropy, begin)},
        stream);
  }
}

// Columns of dlogits, and how far its rows are apart.
int64_t GradientIds(int64_t vocabulary) {
  return std::min(vocabulary, kGradientIds);
}
int64_t GradientStride(int64_t vocabulary) {
  return (GradientIds(vocabulary) + 7) / 8 * 8;
}

}  // namespace

int64_t LogprobScratch(int64_t rows, int64_t vocabulary) {
  return StatsFloats(rows, vocabulary) + rows;
}

void LogprobForward(Tensor h, Tensor head, Tensor targets,
                    float inv_temperature, Tensor logprob, Tensor entropy,
                    Tensor scratch, Stream& stream) {
  CheckHead(h, head, targets);
  R1_CHECK(scratch.count() >= LogprobScratch(h.rows, head.rows),
           "LogprobForward: scratch");
  if (h.rows == 0) return;
  Score(h, head, targets, inv_temperature,
        {nullptr, VectorOf(logprob, h.rows), VectorOf(entropy, h.rows)},
        ViewOf<float>(scratch).data, stream);
}

// dlogits first, which must begin at a multiple of 16 bytes.
int64_t LogprobGradientScratch(int64_t rows, int64_t vocabulary) {
  return rows * GradientStride(vocabulary) / 2 + 2 * rows +
         LogprobScratch(rows, vocabulary);
}

void LogprobBackward(Tensor h, Tensor head, Tensor targets,
                     float inv_temperature, Tensor dlogprob, Tensor dentropy,
                     Tensor dh, Tensor dhead, Tensor logprob, Tensor entropy,
                     Tensor scratch, Stream& stream) {
  CheckHead(h, head, targets);
  R1_CHECK(!dlogprob.empty() || h.rows == 0, "dlogprob is [T]");
  R1_CHECK(dh.rows == h.rows && dh.cols == h.cols, "dh has the shape of h");
  R1_CHECK(dhead.empty() || (dhead.rows == head.rows && dhead.cols == h.cols),
           "dhead has the shape of the head");
  R1_CHECK(scratch.count() >= LogprobGradientScratch(h.rows, head.rows),
           "LogprobBackward: scratch");
  if (h.rows == 0) return;
  const int64_t stride = GradientStride(head.rows);
  Tensor dlogits = {scratch.at, DType::kBF16, h.rows, GradientIds(head.rows),
                    stride};
  float* const lse = ViewOf<float>(scratch).data + h.rows * stride / 2;
  float* const own_entropy = lse + h.rows;
  float* const entropies = VectorOf(entropy, h.rows);
  const RowVectors results = {lse, VectorOf(logprob, h.rows),
                              entropies == nullptr ? own_entropy : entropies};
  Score(h, head, targets, inv_temperature, results, own_entropy + h.rows,
        stream);
  HeadGradientArgs args = {};
  args.inv_temperature = inv_temperature;
  args.lse = results.lse;
  args.entropy = results.entropy;
  args.dlogprob = VectorOf(dlogprob, h.rows);
  args.dentropy = VectorOf(dentropy, h.rows);
  args.dlogits = ViewOf<bf16>(dlogits).data;
  args.stride = stride;
  for (int64_t begin = 0; begin < head.rows; begin += kGradientIds) {
    const int64_t count = std::min(kGradientIds, head.rows - begin);
    const Tensor ids = head.Rows(begin, count);
    args.head = ArgsOf(h, ids, ViewOf<int32_t>(targets).data, inv_temperature,
                       head.rows);
    args.head.first_id = static_cast<int>(begin);
    Launch(HeadGradientKernel, TilesOf(args.head), Rows128::kThreads,
           Rows128::kSharedBytes, stream, args);
    dlogits.cols = count;
    MatMulTransposed(dlogits, ids, begin == 0 ? Tensor() : dh, dh, stream);
    if (!dhead.empty()) {
      MatMulWeightGradient(dlogits, h, dhead.Rows(begin, count), stream);
    }
  }
}

}  // namespace r1::cuda
