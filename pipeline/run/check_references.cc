#include "pipeline/run/check_references.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/utf8.h"
#include "reward/builtin_rules.h"
#include "reward/core/composition.h"
#include "reward/core/reference.h"
#include "reward/outlook.h"

namespace r1 {
namespace {

constexpr size_t kMostRows = 512;
constexpr size_t kMostProbes = 16;
// A reward that is slow is not wrong: what is not answered by then is not
// waited for.
constexpr absl::Duration kProbeLimit = absl::Seconds(60);

constexpr absl::string_view kRemedy =
    "task.answer_field and task.answer_form say where a row has its answer, "
    "reward.rule what it is judged by";

// `count` elements, spread evenly; all of them if there are no more.
template <typename T>
std::vector<T> SpreadOut(std::vector<T> all, size_t count) {
  if (all.size() <= count) return all;
  std::vector<T> some;
  for (size_t i = 0; i < count; ++i) {
    some.push_back(std::move(all[i * all.size() / count]));
  }
  return some;
}

bool IsBuiltin(const std::string& rule) {
  static const std::vector<std::string>* const names =
      new std::vector<std::string>(BuiltinRewardRules().Names());
  return std::binary_search(names->begin(), names->end(), rule);
}

// The rows that the rule of this term is for.
std::vector<CheckedRow> RowsOf(const Term& term,
                               const std::vector<CheckedRow>& rows) {
  std::vector<CheckedRow> own;
  for (const CheckedRow& row : rows) {
    if (term.rows.Mismatch(row.reference).empty()) own.push_back(row);
  }
  return own;
}

// That every row has a rule with weight, and every rule a row.
absl::Status CheckApplication(const std::vector<RewardRuleSpec>& rules,
                              const std::vector<Term>& terms,
                              const std::vector<CheckedRow>& rows,
                              absl::string_view file) {
  for (size_t r = 0; r < rules.size() && !rows.empty(); ++r) {
    if (!RowsOf(terms[r], rows).empty()) continue;
    LogWarning(absl::StrCat(file, ": the rule \"", rules[r].name(),
                            "\" is for none of ", rows.size(),
                            " rows looked at, e.g. ", rows[0].source, ": ",
                            terms[r].rows.Mismatch(rows[0].reference)));
  }
  const auto has_weight = [](const Term& term) { return term.weight != 0; };
  if (absl::c_none_of(terms, has_weight)) return absl::OkStatus();
  std::vector<std::string> others;
  for (const CheckedRow& row : rows) {
    const bool is_judged = absl::c_any_of(terms, [&](const Term& term) {
      return has_weight(term) && term.rows.Mismatch(row.reference).empty();
    });
    if (!is_judged) others.push_back(row.source);
  }
  if (others.empty()) return absl::OkStatus();
  const std::string message = absl::StrCat(
      file, ": no rule with weight is for ", others.size(), " of ", rows.size(),
      " rows looked at, e.g. ", others[0],
      "; nothing is learned from them (the option \"for\" of reward.rule)");
  if (others.size() == rows.size()) {
    return absl::InvalidArgumentError(message);
  }
  LogWarning(message);
  return absl::OkStatus();
}

absl::Status CheckRule(const std::string& name, const RuleOptions& options,
                       const std::vector<CheckedRow>& rows,
                       absl::string_view file) {
  int64_t counts[] = {0, 0, 0};  // by grade
  std::string examples[3];
  for (const CheckedRow& row : rows) {
    const Outlook outlook = CheckReference(name, options, row.reference);
    if (counts[outlook.grade]++ == 0) {
      examples[outlook.grade] = absl::StrCat(row.source, ": ", outlook.why);
    }
  }
  const int64_t hopeless = counts[Outlook::kHopeless];
  if (hopeless > 0) {
    const std::string message = absl::StrCat(
        file, ": no answer earns the rule \"", name, "\" in ", hopeless, " of ",
        rows.size(), " rows looked at, e.g. ", examples[Outlook::kHopeless]);
    if (2 * hopeless > static_cast<int64_t>(rows.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat(message, " (", kRemedy, ")"));
    }
    LogWarning(message);
  }
  if (counts[Outlook::kDoubtful] > 0) {
    LogWarning(absl::StrCat(file, ": the rule \"", name,
                            "\" may be hard to "
                            "earn in ",
                            counts[Outlook::kDoubtful], " of ", rows.size(),
                            " rows looked at, e.g. ",
                            examples[Outlook::kDoubtful]));
  }
  return absl::OkStatus();
}

// The row with its gold as an answer, in one form or another, so that a reward
// that fails on one of them does not seem to fail on all.
RewardItem ProbeItem(const CheckedRow& row, size_t number) {
  const auto reference = AnswerReference(row.reference);
  const std::string gold = reference.ok() ? *reference : "";
  const std::string completions[] = {
      absl::StrCat("<think>It is known.</think> <answer>", gold, "</answer>"),
      absl::StrCat("The answer is \\boxed{", gold, "}."), gold,
      "I do not know."};
  RewardItem item;
  item.set_id(absl::StrCat(number));
  item.set_group(item.id());
  item.set_prompt(ToValidUtf8(row.question));
  item.set_completion(ToValidUtf8(completions[number % 4]));
  item.set_reference(row.reference);
  item.set_completion_tokens(static_cast<int32_t>(item.completion().size()));
  return item;
}

}  // namespace

std::vector<CheckedRow> SampleRows(std::vector<CheckedRow> rows) {
  return SpreadOut(std::move(rows), kMostRows);
}

absl::Status CheckReferences(const std::vector<RewardRuleSpec>& rules,
                             const std::vector<CheckedRow>& rows,
                             absl::string_view file) {
  std::vector<Term> terms;
  for (const RewardRuleSpec& spec : rules) {
    RuleOptions options(spec.option().begin(), spec.option().end());
    R1_ASSIGN_OR_RETURN(terms.emplace_back(),
                        TakeTerm(spec.weight(), &options));
    if (!terms.back().is_required()) continue;
    R1_RETURN_IF_ERROR(
        CheckRule(spec.name(), options, RowsOf(terms.back(), rows), file));
  }
  return CheckApplication(rules, terms, rows, file);
}

absl::Status ProbeRewards(const std::vector<RewardRuleSpec>& rules,
                          const std::vector<CheckedRow>& rows,
                          absl::string_view file, RewardSource* source) {
  if (std::all_of(rules.begin(), rules.end(), [](const RewardRuleSpec& rule) {
        return IsBuiltin(rule.name());
      })) {
    return absl::OkStatus();
  }
  const std::vector<CheckedRow> probes = SpreadOut(rows, kMostProbes);
  for (size_t i = 0; i < probes.size(); ++i) {
    RewardItem item = ProbeItem(probes[i], i);
    if (source->compares_samples()) {
      source->SubmitTogether({std::move(item)});
    } else {
      source->Submit(std::move(item));
    }
  }
  const absl::Time deadline = absl::Now() + kProbeLimit;
  std::map<size_t, std::string> errors;  // by probe, however they arrive
  for (size_t i = 0; i < probes.size(); ++i) {
    const auto result = source->Next(deadline);
    if (absl::IsDeadlineExceeded(result.status())) break;
    R1_RETURN_IF_ERROR(result.status());
    if (result->kind() != REWARD_ERROR) continue;
    const size_t number = std::stoul(result->id());
    errors[number] =
        absl::StrCat(probes[number].source, ": ", result->detail());
  }
  if (errors.empty()) return absl::OkStatus();
  const std::string message = absl::StrCat(
      file, ": the rewards fail on ", errors.size(), " of ", probes.size(),
      " rows tried with their own answers, e.g. ", errors.begin()->second);
  if (errors.size() == probes.size()) {
    return absl::InvalidArgumentError(message);
  }
  LogWarning(message);
  return absl::OkStatus();
}

}  // namespace r1
