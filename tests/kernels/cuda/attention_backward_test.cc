// Attention backward against double, and its bits across batches, shared
// prefixes, pieces of a group and orders of threads.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/cuda/attention.h"
#include "tests/kernels/cuda/attention_device.h"

namespace r1::cuda {
namespace {

struct Gradients {
  HostedMatrix<float> dq, dk, dv;
};

HostedMatrix<float> Zeros(int64_t rows, int64_t cols) {
  HostedMatrix<float> x(rows, cols);
  for (int64_t r = 0; r < rows; ++r) std::fill_n(x.Row(r), cols, 0.0f);
  return x;
}

// dk and dv are added to `*g`; dq is made. The rows of the pass are the first
// of q, forward and dout; dk and dv may have more.
void RunBackward(const Heads& shape, const HostedMatrix<bf16>& q,
                 const ForwardResult& forward, const HostedMatrix<bf16>& dout,
                 const DeviceCache& cache, int64_t rows,
                 const std::vector<SequenceRows>& sequences, Gradients* g) {
  const UploadedTables tables(
      MakeAttentionTables(sequences, shape.group(), true));
  g->dq = HostedMatrix<float>(rows, shape.q_width());
  const HostedMatrix<float> scratch(1, rows * shape.heads);
  const auto of_pass = [&](Tensor x) { return x.Rows(0, rows); };
  RunOnDevice([&](Stream& stream) {
    AttentionBackward(of_pass(q), of_pass(forward.out), of_pass(forward.lse),
                      of_pass(dout), tables, cache.pages(), shape.scale(),
                      g->dq, g->dk, g->dv, scratch, stream);
  });
}

Gradients RunBoth(const PackedBatch& b, const HostedMatrix<bf16>& dout) {
  const ForwardResult forward = RunForward(b.shape, b.q, b.cache, b.sequences);
  Gradients g = {{0, 0},
                 Zeros(b.rows, b.shape.kv_width()),
                 Zeros(b.rows, b.shape.kv_width())};
  RunBackward(b.shape, b.q, forward, dout, b.cache, b.rows, b.sequences, &g);
  return g;
}

// How far the gradients of one whole sequence may be away from their exact
// values. u is a rounding to bf16, e the relative error of a probability:
//   p       u + e relative
//   dp      D + 2 roundings to float of sums of |dout||v|
//   delta   the error of `out`, twice u of sum_j p |v|, times |dout|
//   ds      (u + e) |ds| + scale p (errors of dp and delta)
// and each sums over keys or rows with these weights.
reference::AttentionGradients Bounds(const Heads& shape, int64_t n,
                                     const std::vector<double>& q,
                                     const std::vector<double>& k,
                                     const std::vector<double>& v,
                                     const std::vector<double>& dout) {
  const auto s = shape.Reference(n);
  const double e = ProbabilityError(shape, LargestScore(shape, q, k, n), n) +
                   (n * shape.group() + 16) * kFloatRound;
  const double u = kBf16Round + e;
  reference::AttentionGradients bound;
  bound.dq.resize(q.size());
  bound.dk.resize(k.size());
  bound.dv.resize(v.size());
  const int depth = shape.depth;
  std::vector<double> weight(depth);
  for (int64_t t = 0; t < n; ++t) {
    for (int h = 0; h < shape.heads; ++h) {
      double lse;
      const auto p = reference::AttentionRow(s, q, k, t, h, &lse);
      const double* const slope = &dout[s.q_index(t, h, 0)];
      std::fill(weight.begin(), weight.end(), 0.0);
      std::vector<double> dp(t + 1), dp_absolute(t + 1);
      double delta = 0;
      for (int64_t j = 0; j <= t; ++j) {
        const double* const value = &v[s.kv_index(j, h, 0)];
        for (int d = 0; d < depth; ++d) {
          weight[d] += p[j] * std::abs(value[d]);
          dp[j] += slope[d] * value[d];
          dp_absolute[j] += std::abs(slope[d] * value[d]);
        }
        delta += p[j] * dp[j];
      }
      double delta_error = 0;
      for (int d = 0; d < depth; ++d) {
        delta_error += 2.1 * u * weight[d] * std::abs(slope[d]);
      }
      for (int64_t j = 0; j <= t; ++j) {
        const double ds = s.scale * p[j] * std::abs(dp[j] - delta);
        const double error =
            u * ds +
            s.scale * p[j] *
                (delta_error + (depth + 2) * kFloatRound * dp_absolute[j]);
        for (int d = 0; d < depth; ++d) {
          const int64_t kv = s.kv_index(j, h, d), row = s.q_index(t, h, d);
          bound.dv[kv] += u * p[j] * std::abs(slope[d]);
          bound.dk[kv] += error * std::abs(q[row]);
          bound.dq[row] += error * std::abs(k[kv]);
        }
      }
    }
  }
  return bound;
}

class AttentionBackwardTest : public testing::TestWithParam<Heads> {};

INSTANTIATE_TEST_SUITE_P(Shapes, AttentionBackwardTest,
                         testing::ValuesIn(ShapesToTest<Heads>({{2, 2, 16},
                                                                {3, 1, 80},
                                                                {2, 1, 32},
                                                                {14, 2, 64},
                                                                {2, 2, 128},
                                                                {8, 1, 64}})),
                         [](const testing::TestParamInfo<Heads>& info) {
                           return info.param.Name();
                         });

TEST_P(AttentionBackwardTest, MatchesOracle) {
  const Heads shape = GetParam();
  const PackedBatch b(shape, {31, 1, 33, 65, 70}, 1);
  const auto dout = RandomMatrix<bf16>(b.rows, shape.q_width(), 4);
  const Gradients got = RunBoth(b, dout);
  int64_t begin = 0;
  for (const int64_t n : b.lengths) {
    const auto of = [&](const auto& x) {
      return CopyOf(x, begin, n).Doubles();
    };
    const auto q = of(b.q), k = of(b.k), v = of(b.v), slope = of(dout);
    const auto want = AttentionBackward(shape.Reference(n), q, k, v, slope);
    const auto bound = Bounds(shape, n, q, k, v, slope);
    const std::string what = " of length " + std::to_string(n);
    ExpectWithin(of(got.dq), want.dq, bound.dq, "dq" + what);
    ExpectWithin(of(got.dk), want.dk, bound.dk, "dk" + what);
    ExpectWithin(of(got.dv), want.dv, bound.dv, "dv" + what);
    begin += n;
  }
}

void ExpectSame(const Gradients& a, int64_t begin, const Gradients& b,
                const std::string& what) {
  ExpectSameRows(a.dq, begin, b.dq, what + ", dq");
  ExpectSameRows(a.dk, begin, b.dk, what + ", dk");
  ExpectSameRows(a.dv, begin, b.dv, what + ", dv");
}

TEST_P(AttentionBackwardTest, NeitherThreadsNorOtherSequencesChangeBits) {
  const PackedBatch b(GetParam(), {35, 3}, 5);
  const auto dout = RandomMatrix<bf16>(b.rows, b.shape.q_width(), 8);
  const Gradients want = RunBoth(b, dout);
  ForEachThreadOrder([&](uint64_t order) {
    ExpectSame(want, 0, RunBoth(b, dout), "order " + std::to_string(order));
  });
  PackedBatch alone(GetParam(), {35}, 0);
  alone.q = CopyOf(b.q, 0, 35);
  alone.k = CopyOf(b.k, 0, 35);
  alone.v = CopyOf(b.v, 0, 35);
  alone.cache.Write(alone.k, alone.v, 0, 35, alone.page_lists[0], 0);
  ExpectSame(want, 0, RunBoth(alone, CopyOf(dout, 0, 35)), "alone");
}

// Sequences that share a prefix: the rows of each one's own positions, then
// those of the prefix.
struct SharedBatch {
  SharedBatch(const Heads& shape, std::vector<int64_t> own, int64_t prefix,
              uint32_t seed)
      : shape(shape),
        own(std::move(own)),
        prefix(prefix),
        prefix_begin(
            std::accumulate(this->own.begin(), this->own.end(), int64_t{0})),
        rows(prefix_begin + prefix),
        q(RandomMatrix<bf16>(rows, shape.q_width(), seed)),
        k(RandomMatrix<bf16>(rows, shape.kv_width(), seed + 1)),
        v(RandomMatrix<bf16>(rows, shape.kv_width(), seed + 2)),
        dout(RandomMatrix<bf16>(rows, shape.q_width(), seed + 3)) {}

  // Samples [begin, end) and then the prefix.
  SharedBatch Piece(int begin, int end) const {
    SharedBatch piece(shape, {own.begin() + begin, own.begin() + end}, prefix,
                      0);
    const int64_t first =
        std::accumulate(own.begin(), own.begin() + begin, int64_t{0});
    const auto copy = [&](const HostedMatrix<bf16>& from,
                          HostedMatrix<bf16>* to) {
      for (int64_t r = 0; r < piece.rows; ++r) {
        const int64_t row = r < piece.prefix_begin
                                ? first + r
                                : prefix_begin + r - piece.prefix_begin;
        std::copy_n(from.Row(row), from.cols(), to->Row(r));
      }
    };
    copy(q, &piece.q);
    copy(k, &piece.k);
    copy(v, &piece.v);
    copy(dout, &piece.dout);
    return piece;
  }
  // One sample as a whole sequence: the prefix, then its own rows. Without a
  // prefix of its own.
  PackedBatch Whole(int sample, HostedMatrix<bf16>* slope) const {
    const int64_t length = prefix + own[sample];
    PackedBatch whole(shape, {length}, 0);
    *slope = HostedMatrix<bf16>(length, shape.q_width());
    const int64_t first =
        std::accumulate(own.begin(), own.begin() + sample, int64_t{0});
    const auto copy = [&](const HostedMatrix<bf16>& from,
                          HostedMatrix<bf16>* to) {
      for (int64_t r = 0; r < length; ++r) {
        const int64_t row = r < prefix ? prefix_begin + r : first + r - prefix;
        std::copy_n(from.Row(row), from.cols(), to->Row(r));
      }
    };
    copy(q, &whole.q);
    copy(k, &whole.k);
    copy(v, &whole.v);
    copy(dout, slope);
    whole.cache.Write(whole.k, whole.v, 0, length, whole.page_lists[0], 0);
    return whole;
  }

  Heads shape;
  std::vector<int64_t> own;
  int64_t prefix, prefix_begin, rows;
  HostedMatrix<bf16> q, k, v, dout;
};

struct SharedRun {
  ForwardResult forward;
  Gradients gradients;
};

// With `is_open` the backward pass leaves the prefix's rows out. dk and dv of
// these rows start from `start`'s, or from 0.
SharedRun RunShared(const SharedBatch& b, bool is_open = false,
                    const Gradients* start = nullptr) {
  const int64_t whole = b.prefix / kPageTokens;
  const int samples = b.own.size();
  int64_t pages = KvPages::PagesFor(b.prefix);
  for (const int64_t own : b.own) {
    pages += KvPages::PagesFor(b.prefix % kPageTokens + own);
  }
  DeviceCache cache(b.shape, pages);
  const std::vector<int32_t> prefix_pages = cache.Take(b.prefix);
  cache.Write(b.k, b.v, b.prefix_begin, b.prefix, prefix_pages, 0);
  std::vector<std::vector<int32_t>> page_lists;
  std::vector<SequenceRows> sequences;
  int64_t row = 0;
  for (int s = 0; s < samples; ++s) {
    const int64_t shared = whole * kPageTokens, tail = b.prefix - shared;
    page_lists.emplace_back(prefix_pages.begin(), prefix_pages.begin() + whole);
    for (const int32_t page : cache.Take(tail + b.own[s])) {
      page_lists.back().push_back(page);
    }
    cache.Write(b.k, b.v, b.prefix_begin + shared, tail, page_lists[s], shared);
    cache.Write(b.k, b.v, row, b.own[s], page_lists[s], b.prefix);
    sequences.push_back({row, b.own[s], b.prefix, {}, b.prefix_begin});
    row += b.own[s];
  }
  for (int s = 0; s < samples; ++s) sequences[s].pages = page_lists[s];
  sequences.push_back({row, b.prefix, 0, prefix_pages});

  SharedRun run = {RunForward(b.shape, b.q, cache, sequences),
                   {{0, 0},
                    Zeros(b.rows, b.shape.kv_width()),
                    Zeros(b.rows, b.shape.kv_width())}};
  if (start != nullptr) {
    const int64_t begin = start->dk.rows() - b.prefix;
    for (int64_t r = 0; r < b.prefix; ++r) {
      std::copy_n(start->dk.Row(begin + r), b.shape.kv_width(),
                  run.gradients.dk.Row(b.prefix_begin + r));
      std::copy_n(start->dv.Row(begin + r), b.shape.kv_width(),
                  run.gradients.dv.Row(b.prefix_begin + r));
    }
  }
  if (is_open) sequences.pop_back();
  RunBackward(b.shape, b.q, run.forward, b.dout, cache,
              is_open ? b.prefix_begin : b.rows, sequences, &run.gradients);
  return run;
}

TEST_P(AttentionBackwardTest, ASharedPrefixHasTheBitsOfWholeSequences) {
  for (const int64_t prefix : ShapesToTest<int64_t>({45, 32, 1, 97})) {
    SCOPED_TRACE(prefix);
    const SharedBatch b(GetParam(), {40, 1, 0, 70}, prefix, 11);
    const SharedRun shared = RunShared(b);
    int64_t begin = 0;
    for (int s = 0; s < 4; ++s) {
      HostedMatrix<bf16> dout(0, 0);
      const PackedBatch whole = b.Whole(s, &dout);
      const int64_t own = b.own[s];
      const Gradients g = RunBoth(whole, dout);
      const ForwardResult forward =
          RunForward(whole.shape, whole.q, whole.cache, whole.sequences);
      ExpectSameRows(shared.forward.out, begin,
                     CopyOf(forward.out, prefix, own), "out");
      ExpectSame(shared.gradients, begin,
                 {CopyOf(g.dq, prefix, own), CopyOf(g.dk, prefix, own),
                  CopyOf(g.dv, prefix, own)},
                 "sample " + std::to_string(s));
      begin += own;
    }
  }
}

// The prefix's gradient is the sum over all sequences.
TEST_P(AttentionBackwardTest, ASharedPrefixMatchesOracle) {
  const Heads shape = GetParam();
  const SharedBatch b(shape, {40, 1, 70}, 45, 15);
  const Gradients got = RunShared(b).gradients;
  const int64_t count = b.prefix * shape.kv_width();
  std::vector<double> dk(count), dv(count), dk_bound(count), dv_bound(count);
  const auto add = [&](const PackedBatch& whole, std::vector<double> dout) {
    const auto q = whole.q.Doubles(), k = whole.k.Doubles(),
               v = whole.v.Doubles();
    const auto want =
        AttentionBackward(shape.Reference(whole.rows), q, k, v, dout);
    const auto bound = Bounds(shape, whole.rows, q, k, v, dout);
    for (int64_t i = 0; i < count; ++i) {
      dk[i] += want.dk[i];
      dv[i] += want.dv[i];
      dk_bound[i] += bound.dk[i];
      dv_bound[i] += bound.dv[i];
    }
  };
  for (int s = 0; s < 3; ++s) {
    HostedMatrix<bf16> dout(0, 0);
    const PackedBatch whole = b.Whole(s, &dout);
    std::vector<double> slope = dout.Doubles();
    std::fill_n(slope.begin(), b.prefix * shape.q_width(), 0.0);
    add(whole, slope);
  }
  SharedBatch alone(shape, {0}, b.prefix, 0);
  alone.q = CopyOf(b.q, b.prefix_begin, b.prefix);
  alone.k = CopyOf(b.k, b.prefix_begin, b.prefix);
  alone.v = CopyOf(b.v, b.prefix_begin, b.prefix);
  alone.dout = CopyOf(b.dout, b.prefix_begin, b.prefix);
  HostedMatrix<bf16> dout(0, 0);
  add(alone.Whole(0, &dout), alone.dout.Doubles());
  ExpectWithin(CopyOf(got.dk, b.prefix_begin, b.prefix).Doubles(), dk, dk_bound,
               "dk");
  ExpectWithin(CopyOf(got.dv, b.prefix_begin, b.prefix).Doubles(), dv, dv_bound,
               "dv");
}

// A sequence that shares the first of the prefix's positions alone owes the
// others nothing.
TEST_P(AttentionBackwardTest, ASequenceMaySharePartOfAPrefix) {
  const Heads shape = GetParam();
  const int64_t prefix = 45, shared = 20, own = 30;
  const int64_t other = 10;  // rows of one that shares all of it
  const SharedBatch b(shape, {own, other}, prefix, 27);
  const int64_t prefix_begin = own + other;
  DeviceCache cache(shape, 8);
  const auto prefix_pages = cache.Take(prefix),
             pages = cache.Take(shared + own),
             other_pages = cache.Take(prefix + other);
  cache.Write(b.k, b.v, prefix_begin, prefix, prefix_pages, 0);
  cache.Write(b.k, b.v, prefix_begin, shared, pages, 0);
  cache.Write(b.k, b.v, 0, own, pages, shared);
  cache.Write(b.k, b.v, prefix_begin, prefix, other_pages, 0);
  cache.Write(b.k, b.v, own, other, other_pages, prefix);
  const SequenceRows sample = {0, own, shared, pages, prefix_begin};
  const SequenceRows sharer = {own, other, prefix, other_pages, prefix_begin};
  const SequenceRows whole = {prefix_begin, prefix, 0, prefix_pages};
  const auto run = [&](const std::vector<SequenceRows>& sequences) {
    const ForwardResult forward =
        RunForward(shape, b.q, cache, {sample, sharer, whole});
    Gradients g = {{0, 0},
                   Zeros(b.rows, shape.kv_width()),
                   Zeros(b.rows, shape.kv_width())};
    RunBackward(shape, b.q, forward, b.dout, cache, b.rows, sequences, &g);
    return g;
  };
  const Gradients all = run({sample, sharer, whole}),
                  others = run({sharer, whole});
  const int64_t begin = prefix_begin + shared, count = prefix - shared;
  ExpectSameRows(all.dk, begin, CopyOf(others.dk, begin, count), "dk");
  ExpectSameRows(all.dv, begin, CopyOf(others.dv, begin, count), "dv");
  // The shared ones and its own get what a sequence of its own would give.
  SharedBatch own_batch(shape, {own}, shared, 0);
  for (int64_t r = 0; r < own + shared; ++r) {
    const int64_t row = r < own ? r : prefix_begin + r - own;
    std::copy_n(b.q.Row(row), b.q.cols(), own_batch.q.Row(r));
    std::copy_n(b.k.Row(row), b.k.cols(), own_batch.k.Row(r));
    std::copy_n(b.v.Row(row), b.v.cols(), own_batch.v.Row(r));
    std::copy_n(b.dout.Row(row), b.dout.cols(), own_batch.dout.Row(r));
  }
  const Gradients open = RunShared(own_batch, /*is_open=*/true).gradients;
  ExpectSameRows(all.dk, 0, CopyOf(open.dk, 0, own), "dk of its own");
  const Gradients alone = run({sample});
  ExpectSameRows(alone.dk, prefix_begin, CopyOf(open.dk, own, shared), "dk");
  ExpectSameRows(alone.dv, prefix_begin, CopyOf(open.dv, own, shared), "dv");
}

TEST_P(AttentionBackwardTest, PiecesOfAGroupAddUpToTheSameBits) {
  for (const int64_t prefix : {15, 45}) {
    if (kIsSanitized && prefix == 45) continue;
    const SharedBatch b(GetParam(), {40, 1, 33}, prefix, 19);
    const Gradients whole = RunShared(b).gradients;
    for (int cut = 1; cut < 3; ++cut) {
      const SharedBatch first = b.Piece(0, cut), last = b.Piece(cut, 3);
      const Gradients start = RunShared(first, true).gradients;
      const Gradients end = RunShared(last, false, &start).gradients;
      ExpectSame(
          whole, first.prefix_begin, end,
          "prefix " + std::to_string(prefix) + ", cut " + std::to_string(cut));
      ExpectSameRows(whole.dk, 0, CopyOf(start.dk, 0, first.prefix_begin),
                     "dk of the first piece");
    }
  }
}

}  // namespace
}  // namespace r1::cuda
