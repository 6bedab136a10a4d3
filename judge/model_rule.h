// A reward model as a rule of the reward room: text in, its score out.
#ifndef R1_JUDGE_MODEL_RULE_H_
#define R1_JUDGE_MODEL_RULE_H_

#include <string>

#include "absl/status/statusor.h"
#include "judge/judged_text.h"
#include "reward/core/options.h"
#include "reward/core/registry.h"

namespace r1 {

// What carries the rule, for RewardRegistry::RegisterPlugin.
inline constexpr char kModelRuleCarrier[] = "reward model";

struct ModelRuleOptions {
  // The reward model's folder; must be given.
  std::string path;
  JudgedPart part = JudgedPart::kAnswer;  // "ANSWER" or "WHOLE"
  // The rule's score is scale times the model's.
  double scale = 1;
  // In place of the model's score where the part is empty or not there, since a
  // model has not learned what nothing is worth. A text of score -5 loses
  // against one of score 0 in 99.3 of 100 pairs (Bradley-Terry).
  double no_answer = -5;
  // Tokenizer::hash that the folder's must have; empty: any. The rule reads
  // text, so that a model of another tokenizer judges, too; a run may still
  // want its own.
  std::string tokenizer;

  static absl::StatusOr<ModelRuleOptions> Parse(const RuleOptions& options);
};

// The factory of the rule, for any name ("model", "helpful" …). Its rules share
// the folders that they have loaded, and `threads` threads a folder.
//
// Of a batch, each item's score has the same bits alone and in any batch, for
// any number of threads. The version is the SHA-256 of the weights (HashParams)
// that were loaded. A text that is longer than the model's context, or that its
// tokenizer cannot spell, is an ABSTAIN; one not reached by the deadline a
// TIMEOUT.
// Errors of the factory: InvalidArgument for a bad option, a folder without the
// score head or with another tokenizer; NotFound and others of LoadRewardModel.
RuleFactory MakesModelRule(int threads);

}  // namespace r1

#endif  // R1_JUDGE_MODEL_RULE_H_
