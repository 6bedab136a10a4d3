#include "learner/ranks/shard_sums.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "base/philox.h"
#include "kernels/cpu/cpu_ops.h"
#include "tests/learner/fakes.h"
#include "tests/model/host_params.h"

namespace r1 {
namespace {

using Term = std::optional<std::vector<float>>;

// Numbers of very different sizes, so that every order of adding gives other
// bits.
std::vector<Term> RandomTerms(int count, const std::vector<bool>& is_there,
                              int64_t size) {
  std::vector<Term> terms(count);
  RandomSequence random(1, RandomStream::kData, count, size);
  for (int i = 0; i < count; ++i) {
    if (!is_there[i]) continue;
    terms[i].emplace();
    for (int64_t k = 0; k < size; ++k) {
      terms[i]->push_back(random.NextNormal() * (i % 3 == 0 ? 1000 : 1));
    }
  }
  return terms;
}

// By the definition: two halves apart, then their sum.
Term TreeSum(std::vector<Term> terms) {
  if (terms.size() == 1) return terms[0];
  const auto middle = terms.begin() + terms.size() / 2;
  Term left = TreeSum({terms.begin(), middle});
  const Term right = TreeSum({middle, terms.end()});
  if (!left || !right) return left ? left : right;
  for (size_t k = 0; k < left->size(); ++k) (*left)[k] += (*right)[k];
  return left;
}

TEST(ShardSums, AddInABalancedTree) {
  cpu::CpuOps ops(1);
  const auto layout = std::make_shared<const ParamLayout>(TinyModel());
  ShardSums sums(layout, &ops);
  for (const int count : {1, 2, 4, 8, 16}) {
    for (const int missing : {0, 1, 2, 3, 5}) {  // which are not there
      SCOPED_TRACE(testing::Message() << count << " " << missing);
      std::vector<bool> is_there(count, true);
      for (int i = 0; i < count; ++i) {
        if (missing == 1) is_there[i] = i % 2 == 1;
        if (missing == 2) is_there[i] = i >= count / 2;
        if (missing == 3) is_there[i] = i == count - 1;
        if (missing == 5) is_there[i] = false;
      }
      const std::vector<Term> terms =
          RandomTerms(count, is_there, layout->count());
      const Term want = TreeSum(terms);
      sums.Start();
      std::vector<ParamSet> tensors;
      for (const Term& term : terms) {
        if (!term) {
          sums.SkipNext();
          continue;
        }
        ParamSet* next = sums.Next();
        for (float x : Flat(*next)) ASSERT_EQ(x, 0);
        std::copy(term->begin(), term->end(), Flat(*next).begin());
      }
      const ParamSet* got = sums.Total();
      ASSERT_EQ(got != nullptr, want.has_value());
      if (got != nullptr) {
        const auto flat = Flat(*got);
        EXPECT_EQ(std::vector<float>(flat.begin(), flat.end()), *want);
      }
      // All at once, as ranks add their slices.
      std::vector<std::vector<float>> rows;
      for (const Term& term : terms)
        rows.push_back(term.value_or(Term::value_type()));
      std::vector<Tensor> at_once;
      for (std::vector<float>& row : rows) {
        at_once.push_back(row.empty() ? Tensor() : VectorTensor(row));
      }
      const Tensor sum = AddInTree(at_once, &ops);
      ASSERT_EQ(!sum.empty(), want.has_value());
      if (want) {
        const auto span = HostSpan(sum);
        EXPECT_EQ(std::vector<float>(span.begin(), span.end()), *want);
      }
    }
  }
}

// log2(V) + 1 buffers, and one where there is one shard.
TEST(ShardSums, HoldABinaryCounterOfBuffers) {
  cpu::CpuOps ops(1);
  const auto layout = std::make_shared<const ParamLayout>(TinyModel());
  for (const auto& [count, buffers] :
       std::vector<std::pair<int, int>>{{1, 1}, {2, 2}, {4, 3}, {16, 5}}) {
    const int64_t before = Buffer::LiveBytes();
    ShardSums sums(layout, &ops);
    for (int minibatch = 0; minibatch < 2; ++minibatch) {
      sums.Start();
      for (int i = 0; i < count; ++i) sums.Next();
      sums.Total();
    }
    EXPECT_EQ(Buffer::LiveBytes() - before,
              buffers * layout->count() * int64_t{sizeof(float)})
        << count;
  }
}

}  // namespace
}  // namespace r1
