#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/cpu/attention_tasks.h"
#include "kernels/cpu/cpu_batch.h"
#include "kernels/cpu/cpu_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_backward.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
// After highway.h
#include "kernels/cpu/exp-inl.h"
#include "kernels/cpu/simd-inl.h"
#include "kernels/cpu/small_gemm-inl.h"
#include "kernels/cpu/transpose-inl.h"

#ifndef R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_
#define R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_
namespace r1::cpu {

// What the tasks of one call share.
struct AttentionGradient {
  ConstMat q, out, lse, dout;
  const KvPages* cache;
  float scale;
  Mat dq, dk, dv;
  int group;  // query heads per kv-head
};

// What some query rows and some keys of one kv-head owe each other: dq, or dk
// and dv, or all three. Every sum is one chain, whose order no split into tasks
// changes: dq of a row over its keys; dk and dv of a key over the sequences,
// for each over the query heads, for each over the rows.
struct GradientTask {
  absl::Span<const SequenceRows> sequences;  // of one group, or one of it
  int kv_head;
  int64_t row_begin, row_end;  // of each sequence; multiples of kTileRows
  int64_t key_begin, key_end;  // positions
  bool has_dq, has_dkv;
  int64_t cost;
};

// Query rows that meet a page of keys at a time: fewer on the diagonal, where
// half of the scores are masked.
inline constexpr int64_t kTileRows = 32;
inline constexpr int64_t kDiagonalRows = 16;

inline int64_t PageBegin(int64_t key) {
  return key / kPageTokens * kPageTokens;
}

// Working memory of one task, `size` floats from `data` (null: size only), for
// `keys` keys from the beginning of a page on.
struct GradientScratch {
  GradientScratch(float* data, int64_t keys, int64_t depth) {
    const int64_t padded = KvPages::PagesFor(keys) * kPageTokens;
    const auto take = [&](int64_t count) {
      float* begin = data == nullptr ? nullptr : data + size;
      size += (count + 15) / 16 * 16;
      return begin;
    };
    q = take(kTileRows * depth);
    dout = take(kTileRows * depth);
    lse = take(kTileRows);
    delta = take(kTileRows);
    p = take(kTileRows * kPageTokens);
    ds = take(kTileRows * kPageTokens);
    key_rows = take(padded * depth);
    // A tile that begins within a page reads past its end.
    value_columns = take(padded * depth + kPageTokens);
  }

  float *q, *dout;       // of one query head, [kTileRows, D]
  float *lse, *delta;    // of one query head, [kTileRows]; delta = dout . out
  float *p, *ds;         // of one tile, [kTileRows, kPageTokens]
  float* key_rows;       // of the kv-head, [keys, D]
  float* value_columns;  // pages of [D, kPageTokens]
  int64_t size = 0;
};

}  // namespace r1::cpu
#endif  // R1_KERNELS_CPU_ATTENTION_BACKWARD_CC_

HWY_BEFORE_NAMESPACE();
namespace r1::cpu {
namespace HWY_NAMESPACE {

// Query rows [first, first + rows) of the rows at hand against the keys
// [key, key + keys) of one page, the row `position` of which is the first's
// own.
struct PageTile {
  int64_t first;
  int64_t rows;
  int64_t key;
  int64_t keys;
  int64_t position;
};

HWY_INLINE float Dot(const float* a, const float* b, int64_t n) {
  const FloatTag d;
  auto sum = hn::Zero(d);
  ForEachVector(
      d, n,
      [&](int64_t i) HWY_ATTR {
        sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
      },
      [&](int64_t i, int64_t count) HWY_ATTR {
        sum = hn::MulAdd(LoadPartial(d, a + i, count),
                         LoadPartial(d, b + i, count), sum);
      });
  return SumLanes(d, sum);
}

// From the dot products in p (q . k) and ds (dout . v) to the probabilities
// and the gradient of the dot products, both 0 where the row does not see.
HWY_INLINE void ScoreGradients(const PageTile& tile, float scale,
                               const GradientScratch& w) {
  const FloatTag d;
  constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
  const auto factor = hn::Set(d, scale);
  for (int64_t r = 0; r < tile.rows; ++r) {
    const int64_t visible = tile.position + r - tile.key + 1;
    const auto lse = hn::Set(d, w.lse[tile.first + r]);
    const auto delta = hn::Set(d, w.delta[tile.first + r]);
    float* p = w.p + r * kPageTokens;
    float* ds = w.ds + r * kPageTokens;
    for (int64_t j = 0; j < tile.keys; j += kLanes) {
      const auto mask =
          hn::FirstN(d, std::clamp<int64_t>(visible - j, 0, kLanes));
      const auto score = hn::Mul(factor, hn::LoadU(d, p + j));
      const auto prob =
          hn::IfThenElseZero(mask, ExpBounded(d, hn::Sub(score, lse)));
      const auto slope = hn::Mul(factor, hn::Sub(hn::LoadU(d, ds + j), delta));
      hn::StoreU(prob, d, p + j);
      hn::StoreU(hn::IfThenElseZero(mask, hn::Mul(prob, slope)), d, ds + j);
    }
  }
}

// Where a tile reads its keys and adds to; no dq or no dk, dv: null.
struct TileOperands {
  const float* key_columns;    // [D, kPageTokens]
  const float* value_columns;  // [D, kPageTokens]
  const float* key_rows;       // [keys, D]
  Rows dq;                     // from the tile's first row
  Rows dk, dv;                 // from the tile's first key
};

// Adds what one tile contributes to dq, dk and dv.
HWY_INLINE void AddTile(const TileOperands& at, const PageTile& tile,
                        float scale, int64_t depth, const GradientScratch& w) {
  const float* q = w.q + tile.first * depth;
  const float* dout = w.dout + tile.first * depth;
  // Whole vectors: columns past the last key are masked or not used.
  const int64_t cols = tile.keys <= 16 ? 16 : kPageTokens;
  SmallGemm<Start::kZero>({q, depth, 1}, {at.key_columns, kPageTokens},
                          tile.rows, cols, SameDepth{depth},
                          {w.p, kPageTokens});
  SmallGemm<Start::kZero>({dout, depth, 1}, {at.value_columns, kPageTokens},
                          tile.rows, cols, SameDepth{depth},
                          {w.ds, kPageTokens});
  ScoreGradients(tile, scale, w);
  if (at.dk.data != nullptr) {
    SmallGemm<Start::kFromC>({w.p, 1, kPageTokens}, {dout, depth}, tile.keys,
                             depth, SameDepth{tile.rows}, at.dv);
    SmallGemm<Start::kFromC>({w.ds, 1, kPageTokens}, {q, depth}, tile.keys,
                             depth, SameDepth{tile.rows}, at.dk);
  }
  if (at.dq.data == nullptr) return;
  const Strided ds = {w.ds, kPageTokens, 1};
  const ConstRows keys = {at.key_rows, depth};
  if (tile.key == 0) {
    SmallGemm<Start::kZero>(ds, keys, tile.rows, depth, SameDepth{tile.keys},
                            at.dq);
  } else {
    SmallGemm<Start::kFromC>(ds, keys, tile.rows, depth, SameDepth{tile.keys},
                             at.dq);
  }
}

// Copies what the tiles of rows [first, first + rows) of query head `head` read
// into contiguous memory.
HWY_INLINE void PackRows(const AttentionGradient& call, int64_t first,
                         int64_t rows, int64_t head, const GradientScratch& w) {
  const int64_t depth = call.cache->head_dim;
  for (int64_t t = 0; t < rows; ++t) {
    const int64_t row = first + t;
    const float* dout = call.dout.Row(row) + head * depth;
    std::memcpy(w.q + t * depth, call.q.Row(row) + head * depth,
                depth * sizeof(float));
    std::memcpy(w.dout + t * depth, dout, depth * sizeof(float));
    w.lse[t] = call.lse.Row(row)[head];
    w.delta[t] = Dot(dout, call.out.Row(row) + head * depth, depth);
  }
}

// Lays the keys and values of one kv-head out the other way round; key_begin
// begins a page.
HWY_INLINE void PackKeys(const KvPages& cache, const SequenceRows& s,
                         int kv_head, int64_t key_begin, int64_t key_end,
                         const GradientScratch& w) {
  const int64_t depth = cache.head_dim;
  for (int64_t key = key_begin; key < key_end; key += kPageTokens) {
    const int32_t page = s.pages[key / kPageTokens];
    const int64_t keys = std::min<int64_t>(kPageTokens, key_end - key);
    const int64_t offset = (key - key_begin) * depth;
    Transpose(KeyBlock(cache, page, kv_head), depth, keys, kPageTokens,
              w.key_rows + offset, depth);
    Transpose(ValueBlock(cache, page, kv_head), keys, depth, depth,
              w.value_columns + offset, kPageTokens);
  }
}

// One query head of rows [first, first + rows) of a sequence, at most
// kTileRows, against the keys [key_begin, key_end).
HWY_INLINE void AddRows(const AttentionGradient& call, const GradientTask& task,
                        const SequenceRows& s, int64_t head, int64_t first,
                        int64_t rows, int64_t key_begin, int64_t key_end,
                        const GradientScratch& w) {
  const KvPages& cache = *call.cache;
  const int64_t depth = cache.head_dim;
  PackRows(call, s.row_begin + first, rows, head, w);
  const int64_t packed_begin = PageBegin(key_begin);
  const int64_t position = s.first_position + first;
  int64_t end = 0;
  for (int64_t key = key_begin; key < std::min(key_end, position + rows);
       key = end) {
    // The rows of a prefix's keys lie elsewhere.
    end = std::min(key_end, PageBegin(key) + kPageTokens);
    if (key < s.first_position) end = std::min(end, s.first_position);
    const int64_t slot = key % kPageTokens;
    const int64_t key_row = key < s.first_position
                                ? s.prefix_begin + key
                                : s.row_begin + key - s.first_position;
    TileOperands at = {
        KeyBlock(cache, s.pages[key / kPageTokens], task.kv_head) + slot,
        w.value_columns + (key - slot - packed_begin) * depth + slot,
        w.key_rows + (key - packed_begin) * depth,
        {nullptr, call.dq.stride},
        {nullptr, call.dk.stride},
        {nullptr, call.dv.stride}};
    if (task.has_dkv) {
      at.dk.data = call.dk.Row(key_row) + task.kv_head * depth;
      at.dv.data = call.dv.Row(key_row) + task.kv_head * depth;
    }
    const bool is_diagonal = position < end - 1;
    const int64_t step = is_diagonal ? kDiagonalRows : kTileRows;
    for (int64_t r = 0; r < rows; r += step) {
      const int64_t count = std::min(step, rows - r);
      const int64_t visible = position + r + count - key;  // to the last row
      if (visible <= 0) continue;
      if (task.has_dq) {
        at.dq.data = call.dq.Row(s.row_begin + first + r) + head * depth;
      }
      AddTile(at, {r, count, key, std::min(end - key, visible), position + r},
              call.scale, depth, w);
    }
  }
}

void AttendBackward(const AttentionGradient& call, const GradientTask& task,
                    float* scratch) {
  for (const SequenceRows& s : task.sequences) {
    const int64_t row_end = std::min(task.row_end, s.row_count);
    const int64_t key_end = std::min(task.key_end, s.first_position + row_end);
    // Rows before see none of the keys.
    const int64_t seeing = std::max<int64_t>(
        0, (task.key_begin - s.first_position) / kTileRows * kTileRows);
    const int64_t row_begin = std::max(task.row_begin, seeing);
    if (row_begin >= row_end || task.key_begin >= key_end) continue;
    const int64_t packed_begin = PageBegin(task.key_begin);
    const GradientScratch w(scratch, key_end - packed_begin,
                            call.cache->head_dim);
    PackKeys(*call.cache, s, task.kv_head, packed_begin, key_end, w);
    for (int64_t g = 0; g < call.group; ++g) {
      const int64_t head = int64_t{task.kv_head} * call.group + g;
      for (int64_t first = row_begin; first < row_end; first += kTileRows) {
        AddRows(call, task, s, head, first,
                std::min(kTileRows, row_end - first), task.key_begin, key_end,
                w);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace r1::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace r1::cpu {
namespace {

HWY_EXPORT(AttendBackward);

void CheckShapes(const AttentionGradient& call) {
  const KvPages& cache = *call.cache;
  R1_CHECK(cache.num_kv_heads > 0 && cache.head_dim > 0, "K and D are set");
  const int64_t width = int64_t{cache.num_kv_heads} * cache.head_dim;
  const int64_t rows = call.q.rows;
  R1_CHECK(call.q.cols % width == 0, "q is [T, H * D], H a multiple of K");
  for (const ConstMat& m : {call.out, call.dout, ConstMat(call.dq)}) {
    R1_CHECK(m.rows == rows && m.cols == call.q.cols,
             "out, dout and dq have the shape of q");
  }
  for (const Mat& m : {call.dk, call.dv}) {
    R1_CHECK(m.rows >= rows && m.cols == width,
             "dk and dv are [T or more, K * D]");
  }
  R1_CHECK(
      call.lse.rows == rows && call.lse.cols * cache.head_dim == call.q.cols,
      "lse is [T, H]");
}

// The row of a sequence's position 0.
int64_t FirstRow(const SequenceRows& s) {
  return s.first_position > 0 ? s.prefix_begin : s.row_begin;
}

// About how many pairs of a row and a key a sequence has, twice.
int64_t PairsOf(const SequenceRows& s) {
  return s.row_count * (2 * s.first_position + s.row_count);
}

// Cuts a batch into tasks. A task of one kv-head of one group, which has all
// three sums, multiplies five matrices a tile; where it would take more than
// its share of the threads' time, it becomes blocks of rows, for dq, and blocks
// of keys, for dk and dv, which multiply three and four.
class TaskList {
 public:
  TaskList(absl::Span<const SequenceRows> sequences, int kv_heads,
           int num_threads)
      : kv_heads_(kv_heads) {
    int64_t total = 0;
    for (const SequenceRows& s : sequences) total += kv_heads * PairsOf(s);
    while (!sequences.empty()) {
      size_t count = 1;
      while (count < sequences.size() &&
             FirstRow(sequences[count]) == FirstRow(sequences[0])) {
        ++count;
      }
      AddGroup(sequences.subspan(0, count), num_threads, total);
      sequences.remove_prefix(count);
    }
    // The longest go first, so that no thread starts a long one last.
    std::stable_sort(tasks_.begin(), tasks_.end(),
                     [](const GradientTask& a, const GradientTask& b) {
                       return a.cost > b.cost;
                     });
  }

  const std::vector<GradientTask>& tasks() const { return tasks_; }

 private:
  static constexpr int64_t kBlock = 128;  // rows or keys
  static constexpr int64_t kAll = std::numeric_limits<int64_t>::max() / 2;

  void AddGroup(absl::Span<const SequenceRows> group, int num_threads,
                int64_t total) {
    int64_t pairs = 0, prefix = 0;
    for (const SequenceRows& s : group) {
      pairs += PairsOf(s);
      prefix = std::max(prefix, s.first_position);
    }
    if (5 * num_threads * pairs <= 7 * total) {
      Add({group, 0, 0, kAll, 0, kAll, true, true, 5 * pairs});
      return;
    }
    for (const SequenceRows& s : group) {
      for (int64_t r = 0; r < s.row_count; r += kBlock) {
        const int64_t keys = s.first_position + r + kBlock;
        Add({{&s, 1},
             0,
             r,
             r + kBlock,
             0,
             kAll,
             true,
             false,
             6 * kBlock * keys});
      }
    }
    AddKeys(group, 0, prefix);
    for (const SequenceRows& s : group) {
      AddKeys({&s, 1}, std::max(prefix, s.first_position),
              s.first_position + s.row_count);
    }
  }

  void AddKeys(absl::Span<const SequenceRows> group, int64_t begin,
               int64_t end) {
    int64_t rows = 0;
    for (const SequenceRows& s : group) rows += s.row_count;
    for (int64_t key = begin; key < end;) {
      const int64_t next = std::min(end, key / kBlock * kBlock + kBlock);
      Add({group, 0, 0, kAll, key, next, false, true, 8 * (next - key) * rows});
      key = next;
    }
  }

  void Add(GradientTask task) {
    for (task.kv_head = 0; task.kv_head < kv_heads_; ++task.kv_head) {
      tasks_.push_back(task);
    }
  }

  int kv_heads_;
  std::vector<GradientTask> tasks_;
};

}  // namespace

// The probabilities are recomputed from lse.
void CpuOps::AttentionBackward(Tensor q, Tensor out, Tensor lse, Tensor dout,
                               const DeviceBatch& batch, const KvPages& cache,
                               float scale, Tensor dq, Tensor dk, Tensor dv) {
  const absl::Span<const SequenceRows> sequences = SequencesOf(batch);
  AttentionGradient call = {q, out, lse, dout, &cache, scale, dq, dk, dv, 0};
  CheckShapes(call);
  CheckSequences(sequences, cache, q.rows);
  call.group = static_cast<int>(q.cols / cache.head_dim / cache.num_kv_heads);
  int64_t max_keys = 0;
  for (const SequenceRows& s : sequences) {
    R1_CHECK(
        s.first_position == 0 || (s.prefix_begin >= 0 &&
                                  s.prefix_begin + s.first_position <= dk.rows),
        "the rows of a prefix lie in dk and dv");
    max_keys = std::max(max_keys, s.first_position + s.row_count);
  }
  const int64_t per_thread =
      GradientScratch(nullptr, max_keys, cache.head_dim).size;
  scratch_.attention.Reserve(per_thread * pool_.num_threads());
  const TaskList list(sequences, cache.num_kv_heads, pool_.num_threads());
  pool_.ParallelFor(list.tasks().size(), [&](int64_t task, int thread) {
    HWY_DYNAMIC_DISPATCH(AttendBackward)
    (call, list.tasks()[task],
     FloatsOf(scratch_.attention) + thread * per_thread);
  });
}

}  // namespace r1::cpu
#endif  // HWY_ONCE
