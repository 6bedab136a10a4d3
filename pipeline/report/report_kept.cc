#include "pipeline/report/report_kept.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status_macros.h"
#include "pipeline/folder/stage_rewards.h"
#include "pipeline/report/report_samples.h"
#include "pipeline/screen/escape.h"
#include "pipeline/stages/sample_stage.h"
#include "proto/recipe.h"
#include "reward/builtin_rules.h"

namespace r1 {
namespace {

constexpr char kKept[] = "kept";
constexpr int kKeptExamples = 3, kDroppedExamples = 2;  // the latter a reason
constexpr size_t kMostSteps = 4;  // that examples are looked for in

// The rules that decide where sample.keep is empty, with the score from which
// on they say right; none if one is not built in.
std::vector<AnswerRule> BuiltinAnswerRules(const StageConfig& stage) {
  std::vector<AnswerRule> rules;
  const auto section = StageReward(stage);
  if (!section.ok()) return rules;
  const std::vector<std::string> builtin = BuiltinRewardRules().Names();
  for (const std::string& name :
       AccuracyRules(*section, FirstTask(stage).kind())) {
    if (!absl::c_linear_search(builtin, name)) return {};
    rules.push_back({name, 1 - 1e-6});
  }
  return rules;
}

// Examples of one step, as far as they are missing.
ReportJson TakeExamples(const std::vector<SampleView>& samples,
                        const std::vector<std::string>& fates,
                        std::map<std::string, int>* taken) {
  ReportJson examples = ReportJson::array();
  for (size_t i = 0; i < fates.size(); ++i) {
    int& count = (*taken)[fates[i]];
    if (count == (fates[i] == kKept ? kKeptExamples : kDroppedExamples)) {
      continue;
    }
    ++count;
    ReportJson sample = MakeReportSample(samples[i], /*tokenizer=*/nullptr);
    sample["fate"] = fates[i];
    const Prompt& prompt = samples[i].record.prompt;
    examples.push_back({{"question", VisibleLine(prompt.question())},
                        {"reference", VisibleLine(prompt.reference())},
                        {"sample", std::move(sample)}});
  }
  return examples;
}

// Those that were kept first, then by reason.
absl::StatusOr<ReportJson> MakeExamples(const RunReader& reader,
                                        const StageConfig& stage) {
  R1_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, reader.SampledSteps());
  std::map<std::string, int> taken;
  std::vector<ReportJson> examples;
  for (size_t s = 0; s < std::min(steps.size(), kMostSteps); ++s) {
    SampleFilter filter;
    filter.step = steps[s];
    R1_ASSIGN_OR_RETURN(const std::vector<SampleView> samples,
                        reader.Samples(filter));
    for (ReportJson& example :
         TakeExamples(samples, FatesOfSamples(stage, samples), &taken)) {
      examples.push_back(std::move(example));
    }
  }
  const auto order = [](const ReportJson& example) {
    const auto fate = example["sample"]["fate"].get<std::string>();
    return std::pair(fate != kKept, fate);
  };
  std::stable_sort(examples.begin(), examples.end(),
                   [&](const ReportJson& a, const ReportJson& b) {
                     return order(a) < order(b);
                   });
  return ReportJson(std::move(examples));
}

}  // namespace

std::vector<std::string> FatesOfSamples(
    const StageConfig& stage, const std::vector<SampleView>& samples) {
  std::vector<AnswerRule> rules;
  if (stage.sample().keep().empty()) {
    rules = BuiltinAnswerRules(stage);
    if (rules.empty()) return {};
  }
  std::vector<SampleRecord> records;
  for (const SampleView& view : samples) records.push_back(view.record);
  std::vector<std::string> fates =
      PickSamples(std::move(records), stage.sample(), rules).faults;
  for (std::string& fate : fates) {
    fate = fate.empty() ? kKept : VisibleLine(fate);
  }
  return fates;
}

absl::Status AddKept(const RunReader& reader, const StageConfig& stage,
                     const std::vector<MetricsRow>& rows, ReportJson* section) {
  if (rows.empty()) return absl::OkStatus();
  const Metrics& counts = rows.back().metrics;
  const double kept = MetricOr(counts, "kept/samples", std::nan(""));
  if (std::isnan(kept)) return absl::OkStatus();
  ReportJson dropped = ReportJson::array();
  double drawn = kept;
  for (const auto& [name, value] : counts) {
    absl::string_view reason = name;
    if (!absl::ConsumePrefix(&reason, "dropped/")) continue;
    dropped.push_back({VisibleLine(reason), value});
    drawn += value;
  }
  std::stable_sort(dropped.begin(), dropped.end(),
                   [](const ReportJson& a, const ReportJson& b) {
                     return a[1].get<double>() > b[1].get<double>();
                   });
  R1_ASSIGN_OR_RETURN(ReportJson examples, MakeExamples(reader, stage));
  (*section)["kept"] = {{"drawn", drawn},
                        {"kept", kept},
                        {"dropped", std::move(dropped)},
                        {"examples", std::move(examples)}};
  return absl::OkStatus();
}

}  // namespace r1
