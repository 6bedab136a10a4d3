#include "pipeline/evaluation/count_verdicts.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "proto/reward_result.h"
#include "reward/builtin_rules.h"

namespace r1 {

void Tally::Add(absl::Span<const Vote> votes, int64_t k) {
  const int64_t n = static_cast<int64_t>(votes.size());
  const int64_t c = std::count_if(votes.begin(), votes.end(),
                                  [](const Vote& v) { return v.is_correct; });
  ++problems_;
  pass_1_ += PassAtK(n, c, 1);
  pass_k_ += PassAtK(n, c, std::min(n, k));
  consensus_ += IsConsensusCorrect(votes);
}

void Tally::Append(int64_t k, const std::string& suffix, bool has_consensus,
                   Metrics* metrics) const {
  const double scale = problems_ > 0 ? 1 / problems_ : 0;
  metrics->emplace_back(absl::StrCat("pass@1", suffix), pass_1_ * scale);
  if (k == 1) return;
  metrics->emplace_back(absl::StrCat("pass@", k, suffix), pass_k_ * scale);
  if (!has_consensus) return;
  metrics->emplace_back(absl::StrCat("cons@", k, suffix), consensus_ * scale);
}

namespace {

std::vector<Voting> VotingOf(const CountedRules& rules) {
  std::vector<Voting> voting;
  for (const CountedRules::Judge& judge : rules.judges) {
    voting.emplace_back(judge.rule);
  }
  return voting;
}

}  // namespace

VerdictCount::VerdictCount(int64_t k, CountedRules rules)
    : k_(k), rules_(std::move(rules)), voting_(VotingOf(rules_)) {}

size_t VerdictCount::JudgeOf(const RewardResult& result) const {
  size_t j = 0;
  while (j < rules_.judges.size() &&
         absl::c_linear_search(result.not_applicable(),
                               rules_.judges[j].rule.name())) {
    ++j;
  }
  return j;
}

void VerdictCount::AddProblem(const std::string& reference,
                              absl::Span<const RewardResult> results,
                              absl::Span<EvalSample> samples) {
  size_t judge = 0;  // of the problem's verdicts
  int64_t failures = 0, abstentions = 0, not_applicable = 0;
  std::vector<Vote> strict, lenient;
  std::vector<absl::string_view> completions;
  for (size_t i = 0; i < samples.size(); ++i) {
    const RewardResult& result = results[i];
    EvalSample& sample = samples[i];
    length_.Add(static_cast<double>(sample.num_tokens));
    truncated_.Add(sample.finish_reason == FINISH_LENGTH);
    errors_ += IsFailure(result);
    if (const auto format = ScoreOf(result, kFormatRule)) {
      sample.has_format = *format == 1;
      format_.Add(sample.has_format);
    }
    for (const std::string& rule : rules_.means) {
      if (const auto score = ScoreOf(result, rule)) means_[rule].Add(*score);
    }
    for (const auto& [name, value] : result.metrics()) {
      const std::string rule = name.substr(0, name.find('/'));
      if (absl::c_linear_search(rules_.means, rule)) measured_[name].Add(value);
    }
    const size_t j = JudgeOf(result);
    const auto score = j < rules_.judges.size()
                           ? ScoreOf(result, rules_.judges[j].rule.name())
                           : std::nullopt;
    if (!score.has_value()) {
      if (IsFailure(result)) {
        ++failures;
      } else if (j == rules_.judges.size()) {
        ++not_applicable;
      } else {
        ++abstentions;
      }
      continue;
    }
    judge = j;
    const bool is_correct = *score >= rules_.judges[j].right_from;
    sample.is_correct = is_correct;
    strict.emplace_back().is_correct = is_correct;
    lenient.emplace_back().is_correct =
        is_correct || ScoreOf(result, rules_.lenient) == 1;
    completions.push_back(sample.completion);
  }
  if (strict.empty()) {
    ++(failures > 0         ? unjudged_
       : not_applicable > 0 ? not_applicable_
                            : abstained_);
    return;
  }
  ++problems_;
  abstained_samples_ += abstentions;
  const std::vector<Answers> answers =
      voting_[judge].AnswersOf(reference, completions);
  for (size_t i = 0; i < strict.size(); ++i) {
    strict[i].answer = answers[i].strict;
    lenient[i].answer = answers[i].lenient;
    has_votes_ |= strict[i].answer.has_value();
  }
  strict_.Add(strict, k_);
  lenient_.Add(lenient, k_);
}

Metrics VerdictCount::Finish() const {
  // Of other rules nobody knows where their answers stand; where they stand in
  // tags after all, they vote.
  const bool has_consensus =
      has_votes_ || absl::c_any_of(rules_.judges, [](const auto& judge) {
        return ReadsAnswers(judge.rule.name());
      });
  Metrics metrics;
  strict_.Append(k_, "", has_consensus, &metrics);
  if (!rules_.lenient.empty()) {
    lenient_.Append(k_, "_lenient", has_consensus, &metrics);
  }
  if (rules_.has_format) metrics.emplace_back("format", format_.value());
  metrics.emplace_back("mean_length", length_.value());
  metrics.emplace_back("truncated", truncated_.value());
  metrics.emplace_back("problems", problems_);
  metrics.emplace_back("abstained", abstained_);
  metrics.emplace_back("errors", errors_);
  if (unjudged_ > 0) metrics.emplace_back("unjudged", unjudged_);
  if (abstained_samples_ > 0) {
    metrics.emplace_back("abstained_samples", abstained_samples_);
  }
  if (not_applicable_ > 0) {
    metrics.emplace_back("not_applicable", not_applicable_);
  }
  for (const std::string& rule : rules_.means) {
    const auto mean = means_.find(rule);
    metrics.emplace_back(absl::StrCat("reward/rule/", rule),
                         mean == means_.end() ? 0 : mean->second.value());
  }
  for (const auto& [name, mean] : measured_) {
    metrics.emplace_back(absl::StrCat("reward/metric/", name), mean.value());
  }
  return metrics;
}

}  // namespace r1
