// Drawing tokens: statistics of the rows of logits, a block per row that draws,
// and log-probs from the same statistics.
#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "kernels/cuda/compat.h"
#include "kernels/cuda/constants.h"
#include "kernels/cuda/head.h"
#include "kernels/cuda/softmax_stats.cuh"
#include "kernels/cuda/view.h"

namespace r1::cuda {
namespace {

using Mass = unsigned long long;  // a weight times 2^44

constexpr float kMassUnit = 0x1p44f;
constexpr int64_t kMaxVocabulary = int64_t{1} << 20;  // sums stay below 2^64

// --- Statistics ------------------------------------------------------------

// The order of HeadStatsKernel. A quad has a quarter of a group: blockIdx: 16
// groups, row.
constexpr int kGroupsPerBlock = kThreads / 4 / kQuarters;

__global__ void __launch_bounds__(kThreads)
    LogitStatsKernel(View<float> logits, const SampleRow* rows,
                     SoftmaxStats* stats, int groups) {
  const int lane = threadIdx.x % 32, row = blockIdx.y;
  const int quarter = threadIdx.x / 4 % kQuarters;
  const int group = blockIdx.x * kGroupsPerBlock + threadIdx.x / 4 / kQuarters;
  const float scale = rows[row].scale;
  const float* const from = logits.Row(row);
  float z[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const int64_t id = int64_t{group} * kGroupIds + quarter * 32 + i / 2 * 8 +
                       lane % 4 * 2 + i % 2;
    z[i] = id < logits.cols ? __fmul_rn(from[id], scale) : -INFINITY;
  }
  const SoftmaxStats mine = QuarterStats(z);
  const int first = lane / 16 * 16;  // lane of the group's first quarter
  SoftmaxStats part[kQuarters];
#pragma unroll
  for (int i = 0; i < kQuarters; ++i) {
    part[i].max = __shfl_sync(~0u, mine.max, first + i * 4);
    part[i].sum = __shfl_sync(~0u, mine.sum, first + i * 4);
    part[i].weighted = __shfl_sync(~0u, mine.weighted, first + i * 4);
  }
  if (lane % 16 == 0 && group < groups) {
    stats[int64_t{row} * groups + group] = MergeQuarters(part);
  }
}

// --- Drawing ---------------------------------------------------------------

constexpr int kDrawThreads = 512;
constexpr int kRadixBuckets = 2048;

struct DrawArgs {
  View<float> logits;
  const SampleRow* rows;
  const SoftmaxStats* stats;
  int groups;
  int32_t* tokens;
  float* target_z;
};

// Sum over the lanes up to this one.
template <class T>
DEV T InclusiveSum(T value) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int distance = 1; distance < 32; distance *= 2) {
    const T below = __shfl_up_sync(~0u, value, distance);
    if (lane >= distance) value += below;
  }
  return value;
}

// The first i of [0, n) for which masses of 0 to i exceed `threshold`, and the
// masses before it; n - 1 if there is none. mass(i) for i < n; by a whole warp.
struct Found {
  int index;
  Mass before;
};
template <class MassOf>
DEV Found FindFirst(int n, Mass threshold, MassOf mass) {
  const int lane = threadIdx.x % 32;
  Mass before = 0;
  for (int begin = 0; begin < n; begin += 32) {
    const int i = begin + lane;
    const Mass mine = i < n ? mass(i) : 0;
    const Mass sum = InclusiveSum(mine);
    const uint32_t over = __ballot_sync(~0u, before + sum > threshold);
    if (over != 0) {
      const int first = __ffs(over) - 1;
      return {begin + first, before + __shfl_sync(~0u, sum - mine, first)};
    }
    before += __shfl_sync(~0u, sum, 31);
  }
  return {n - 1, before};
}

// floor(x * fraction / 2^32).
DEV Mass ScaleMass(Mass x, uint32_t fraction) {
  return (x >> 32) * fraction + ((x & 0xFFFFFFFFu) * fraction >> 32);
}

// Which tokens the draw may give: those whose weight's bits exceed `cut`, and
// the first `ties` of those that equal it.
struct Cut {
  uint32_t bits;
  uint32_t ties;
};

// The row that a block draws from.
struct DrawRow {
  const float* logits;
  int ids;
  float scale, max;

  DEV float Z(int id) const { return __fmul_rn(logits[id], scale); }
  // 2^(z - max) as the bits of a float: these are ordered as it is.
  DEV uint32_t Weight(int id) const {
    return __float_as_uint(exp2_fast(Z(id) - max));
  }
};
DEV Mass MassOf(uint32_t weight) {
  return static_cast<Mass>(__fmul_rn(__uint_as_float(weight), kMassUnit));
}

// The row's largest z, or whether it has none: a NaN, or an infinite one.
DEV bool FindMax(const SoftmaxStats* stats, int groups, float* shared,
                 float* max) {
  float largest = -INFINITY;
  for (int g = threadIdx.x; g < groups; g += kDrawThreads) {
    const bool is_nan = !(stats[g].sum < INFINITY);
    largest = fmaxf(largest, is_nan ? INFINITY : stats[g].max);
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, bits));
  }
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = largest;
  __syncthreads();
  for (int w = 0; w < kDrawThreads / 32; ++w) {
    largest = fmaxf(largest, shared[w]);
  }
  *max = largest;
  return largest > -INFINITY && largest < INFINITY;
}

// The lowest id of the largest logit.
DEV int FindLargest(const DrawRow& row, float* shared, int* lowest) {
  float largest = -INFINITY;
  for (int id = threadIdx.x; id < row.ids; id += kDrawThreads) {
    largest = fmaxf(largest, row.logits[id]);
  }
#pragma unroll
  for (int bits = 16; bits > 0; bits /= 2) {
    largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, bits));
  }
  __syncthreads();  // `shared` was read
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = largest;
  if (threadIdx.x == 0) *lowest = row.ids;
  __syncthreads();
  for (int w = 0; w < kDrawThreads / 32; ++w) {
    largest = fmaxf(largest, shared[w]);
  }
  for (int id = threadIdx.x; id < row.ids; id += kDrawThreads) {
    if (row.logits[id] == largest) atomicMin(lowest, id);
  }
  __syncthreads();
  return *lowest;
}

// The shortest run of the likeliest tokens that has `share` / 2^32 of the mass:
// a search for its last weight, eleven bits at a time from the top, with sums
// of the masses by these bits. buckets: kRadixBuckets of shared memory.
DEV Cut FindCut(const DrawRow& row, uint32_t share, Mass* buckets,
                uint32_t* shared_bits, Mass* shared_need) {
  for (int pass = 0; pass < 3; ++pass) {
    const int shift = pass == 0 ? 21 : pass == 1 ? 10 : 0;
    const int width = pass == 2 ? 10 : 11;
    for (int i = threadIdx.x; i < kRadixBuckets; i += kDrawThreads) {
      buckets[i] = 0;
    }
    __syncthreads();
    const uint32_t known = pass == 0 ? 0 : *shared_bits;
    for (int id = threadIdx.x; id < row.ids; id += kDrawThreads) {
      const uint32_t weight = row.Weight(id);
      const bool is_in =
          pass == 0 || weight >> (shift + width) == known >> (shift + width);
      const Mass mass = MassOf(weight);
      if (!is_in || mass == 0) continue;
      atomicAdd(&buckets[weight >> shift & ((1u << width) - 1)], mass);
    }
    __syncthreads();
    if (threadIdx.x < 32) {
      if (pass == 0) {
        Mass total = 0;
        for (int i = threadIdx.x; i < kRadixBuckets; i += 32) {
          total += buckets[i];
        }
        total = __shfl_sync(~0u, InclusiveSum(total), 31);
        // Rounded up; at least one token.
        const Mass down = ScaleMass(total, share);
        const bool is_whole =
            (total & 0xFFFFFFFFu) * share % (Mass{1} << 32) == 0;
        const Mass need = is_whole ? down : down + 1;
        if (threadIdx.x == 0) *shared_need = need == 0 ? 1 : need;
        __syncwarp();
      }
      const Mass need = *shared_need;
      const int last = (1 << width) - 1;
      const Found found = FindFirst(last + 1, need - 1,
                                    [&](int i) { return buckets[last - i]; });
      __syncwarp();
      if (threadIdx.x == 0) {
        *shared_need = need - found.before;
        *shared_bits = known | static_cast<uint32_t>(last - found.index)
                                   << shift;
      }
    }
    __syncthreads();
  }
  const uint32_t bits = *shared_bits;
  const Mass each = MassOf(bits);  // positive: it was needed
  return {bits, static_cast<uint32_t>((*shared_need + each - 1) / each)};
}

// What the draw may give of one token, of which `ties` before it were equal to
// the cut.
DEV Mass KeptMass(uint32_t weight, const Cut& cut, uint32_t ties) {
  const bool is_kept =
      weight > cut.bits || (weight == cut.bits && ties < cut.ties);
  return is_kept ? MassOf(weight) : 0;
}

// A warp draws: the token at random_bits / 2^32 of the mass that is kept, in
// ascending id. mass [groups] and ties [groups] hold what exceeds the cut and
// how many equal it.
DEV int DrawToken(const DrawRow& row, const Cut& cut, uint32_t random_bits,
                  Mass* mass, uint32_t* ties, int groups) {
  const int lane = threadIdx.x % 32;
  Mass total = 0;
  uint32_t seen = 0;
  for (int begin = 0; begin < groups; begin += 32) {
    const int g = begin + lane;
    const uint32_t mine = g < groups ? ties[g] : 0;
    const uint32_t sum = InclusiveSum(mine);
    const uint32_t before = seen + sum - mine;
    if (g < groups) {
      const uint32_t left = before < cut.ties ? cut.ties - before : 0;
      mass[g] += MassOf(cut.bits) * (mine < left ? mine : left);
      ties[g] = before;
      total += mass[g];
    }
    seen += __shfl_sync(~0u, sum, 31);
  }
  total = __shfl_sync(~0u, InclusiveSum(total), 31);
  const Mass threshold = ScaleMass(total, random_bits);
  __syncwarp();
  const Found group =
      FindFirst(groups, threshold, [&](int g) { return mass[g]; });
  // Inside the group, 32 ids at a time.
  uint32_t ties_before = ties[group.index];
  Mass before = group.before;
  for (int i = 0; i < kGroupIds; i += 32) {
    const int id = group.index * kGroupIds + i + lane;
    const uint32_t weight = id < row.ids ? row.Weight(id) : 0;
    const uint32_t is_tie = id < row.ids && weight == cut.bits;
    const uint32_t tie_sum = InclusiveSum(is_tie);
    const Mass mine =
        id < row.ids ? KeptMass(weight, cut, ties_before + tie_sum - is_tie)
                     : 0;
    const Mass sum = InclusiveSum(mine);
    const uint32_t over = __ballot_sync(~0u, before + sum > threshold);
    if (over != 0) return group.index * kGroupIds + i + __ffs(over) - 1;
    before += __shfl_sync(~0u, sum, 31);
    ties_before += __shfl_sync(~0u, tie_sum, 31);
  }
  return 0;  // not reached: the group's mass is what was added
}

// Bytes of shared memory: buckets, masses and ties of groups.
size_t DrawSharedBytes(int64_t groups) {
  return kRadixBuckets * sizeof(Mass) +
         groups * (sizeof(Mass) + sizeof(uint32_t));
}

// blockIdx: row.
__global__ void __launch_bounds__(kDrawThreads, 1)
    DrawKernel(const DrawArgs p) {
  DYNAMIC_SHARED(Mass, buckets);
  STATIC_SHARED(float, maxima, kDrawThreads / 32);
  STATIC_SHARED(int, lowest, 1);
  STATIC_SHARED(uint32_t, shared_bits, 1);
  STATIC_SHARED(Mass, shared_need, 1);
  Mass* const mass = buckets + kRadixBuckets;
  uint32_t* const ties = reinterpret_cast<uint32_t*>(mass + p.groups);
  const int number = blockIdx.x, lane = threadIdx.x % 32;
  const SampleRow request = p.rows[number];
  DrawRow row = {p.logits.Row(number), static_cast<int>(p.logits.cols),
                 request.scale, 0.0f};
  const SoftmaxStats* const stats = p.stats + int64_t{number} * p.groups;
  if (!FindMax(stats, p.groups, maxima, &row.max)) {
    if (threadIdx.x == 0) {
      p.tokens[number] = 0;
      p.target_z[number] = __uint_as_float(0x7fffffff);
    }
    return;
  }
  if (request.flags & kGreedy) {
    const int token = FindLargest(row, maxima, lowest);
    if (threadIdx.x == 0) {
      p.tokens[number] = token;
      p.target_z[number] = row.Z(token);
    }
    return;
  }
  Cut cut = {0, 0xFFFFFFFFu};
  if (request.flags & kFiltered) {
    cut = FindCut(row, request.share, buckets, shared_bits, shared_need);
  }
  for (int g = threadIdx.x / 32; g < p.groups; g += kDrawThreads / 32) {
    Mass above = 0;
    uint32_t equal = 0;
    for (int i = 0; i < kGroupIds; i += 32) {
      const int id = g * kGroupIds + i + lane;
      if (id >= row.ids) continue;
      const uint32_t weight = row.Weight(id);
      if (weight > cut.bits) above += MassOf(weight);
      if (weight == cut.bits) ++equal;
    }
    above = InclusiveSum(above);
    equal = InclusiveSum(equal);
    if (lane == 31) {
      mass[g] = above;
      ties[g] = equal;
    }
  }
  __syncthreads();
  if (threadIdx.x >= 32) return;
  const int token =
      DrawToken(row, cut, request.random_bits, mass, ties, p.groups);
  if (lane == 0) {
    p.tokens[number] = token;
    p.target_z[number] = row.Z(token);
  }
}

int64_t NumGroups(int64_t vocabulary) {
  return (vocabulary + kGroupIds - 1) / kGroupIds;
}

}  // namespace

std::vector<SampleRow> SampleRowsOf(absl::Span<const SampleRequest> requests) {
  std::vector<SampleRow> rows;
  for (const SampleRequest& r : requests) {
    const bool is_greedy = !(r.temperature > 0);
    const float inverse = is_greedy ? 1.0f : 1.0f / r.temperature;
    SampleRow row = {inverse * kLog2E, 0, r.random_bits, 0};
    if (is_greedy) row.flags |= kGreedy;
    if (!(r.top_p >= 1)) {
      row.flags |= kFiltered;
      const double share = std::ceil(std::max(0.0f, r.top_p) * 0x1p32);
      row.share = static_cast<uint32_t>(std::min(share, 0x1p32 - 1));
    }
    rows.push_back(row);
  }
  return rows;
}

int64_t SampleScratch(int64_t rows, int64_t vocabulary) {
  return rows *
         (NumGroups(vocabulary) * sizeof(SoftmaxStats) / sizeof(float) + 1);
}

void Sample(Tensor logits, Tensor rows, Tensor tokens, Tensor logprobs,
            Tensor scratch, Stream& stream) {
  static_assert(sizeof(SampleRow) == 4 * sizeof(int32_t));
  R1_CHECK(rows.rows == logits.rows && rows.cols == 4 && rows.is_dense() &&
               rows.dtype == DType::kI32,
           "Sample: rows [S, 4]");
  R1_CHECK(tokens.count() == logits.rows && tokens.is_dense() &&
               logprobs.count() == logits.rows && logprobs.is_dense(),
           "Sample: tokens and logprobs [S]");
  R1_CHECK(scratch.count() >= SampleScratch(logits.rows, logits.cols),
           "Sample: scratch");
  if (logits.rows == 0) return;
  R1_CHECK(logits.cols > 0 && logits.cols < kMaxVocabulary,
           "Sample: a vocabulary has tokens, fewer than 2^20");
  const int64_t groups = NumGroups(logits.cols);
  float* const memory = ViewOf<float>(scratch).data;
  DrawArgs p = {};
  p.logits = ViewOf<float>(logits);
  p.rows = static_cast<const SampleRow*>(DeviceAccess::Pointer(rows.at));
  p.stats = reinterpret_cast<const SoftmaxStats*>(memory);
  p.groups = static_cast<int>(groups);
  p.tokens = ViewOf<int32_t>(tokens).data;
  p.target_z =
      memory + logits.rows * groups * (sizeof(SoftmaxStats) / sizeof(float));
  Launch(
      LogitStatsKernel,
      GridSize((groups + kGroupsPerBlock - 1) / kGroupsPerBlock, logits.rows),
      kThreads, 0, stream, p.logits, p.rows,
      reinterpret_cast<SoftmaxStats*>(memory), p.groups);
  Launch(DrawKernel, GridSize(logits.rows), kDrawThreads,
         DrawSharedBytes(groups), stream, p);
  FinishRows({p.stats, p.groups, p.target_z, static_cast<int>(logits.rows),
              nullptr, ViewOf<float>(logprobs).data, nullptr},
             stream);
}

}  // namespace r1::cuda
