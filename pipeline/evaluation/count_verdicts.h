// Third part of an evaluation: from the results of samples to its numbers.
#ifndef R1_PIPELINE_EVALUATION_COUNT_VERDICTS_H_
#define R1_PIPELINE_EVALUATION_COUNT_VERDICTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/mean.h"
#include "learner/journal.h"
#include "learner/reward_item.h"
#include "pipeline/evaluation/estimators.h"
#include "pipeline/evaluation/vote.h"
#include "pipeline/store/run_store.h"
#include "proto/reward.pb.h"

namespace r1 {

// Which rules an evaluation counts by.
struct CountedRules {
  // The first that applies to a problem says which answers are right: those
  // with a score of right_from or more.
  struct Judge {
    RewardRuleSpec rule;
    double right_from = 1;
  };
  std::vector<Judge> judges;
  std::string lenient;             // its lenient twin; empty: none is asked
  bool has_format = false;         // whether "format" is asked
  std::vector<std::string> means;  // of which the mean score is a metric
};

// pass@1, pass@k and cons@k of one reading of the answers, over problems.
class Tally {
 public:
  // Votes are of the samples that were judged, one or more of the problem's k.
  // Of fewer than k, pass@k is pass@n, which is no larger.
  void Add(absl::Span<const Vote> votes, int64_t k);
  // Means over the problems; zeros where there is none.
  void Append(int64_t k, const std::string& suffix, bool has_consensus,
              Metrics* metrics) const;

 private:
  double problems_ = 0, pass_1_ = 0, pass_k_ = 0, consensus_ = 0;
};

// Adds up problem by problem, in their order.
class VerdictCount {
 public:
  // k: samples of a problem.
  VerdictCount(int64_t k, CountedRules rules);

  // Takes the k results of a problem and fills in its samples' verdicts.
  //   - A sample that its judge gave no score is no part of the estimates; the
  //     problem's are made of its others.
  //   - A problem without any is left out: "not_applicable" if no judge is for
  //     it, "abstained" if all its samples were abstentions, so that its
  //     reference is unusable, else "unjudged".
  void AddProblem(const std::string& reference,
                  absl::Span<const RewardResult> results,
                  absl::Span<EvalSample> samples);

  // As EvalReport says.
  Metrics Finish() const;

 private:
  // The judge of a sample; their number if none applies.
  size_t JudgeOf(const RewardResult& result) const;

  const int64_t k_;
  const CountedRules rules_;
  const std::vector<Voting> voting_;  // by judge
  Tally strict_, lenient_;
  bool has_votes_ = false;
  Mean format_, length_, truncated_;
  std::map<std::string, Mean> means_;     // by rule
  std::map<std::string, Mean> measured_;  // by "RULE/NAME", of these rules
  int64_t problems_ = 0, abstained_ = 0, unjudged_ = 0;
  int64_t errors_ = 0, abstained_samples_ = 0, not_applicable_ = 0;
};

}  // namespace r1

#endif  // R1_PIPELINE_EVALUATION_COUNT_VERDICTS_H_
