#include "pipeline/report/summary.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/checkpoint.h"
#include "nlohmann/json.hpp"
#include "pipeline/evaluation/evaluate_tasks.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/run_folder.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/report/answer_text.h"
#include "pipeline/report/stage_table.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"
#include "pipeline/store/run_reader.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

constexpr int kShownAnswers = 2;

// The largest value of a metric over all RL steps; 0 without any.
double MaxOverSteps(const std::vector<MetricsRow>& rows,
                    absl::string_view name) {
  double most = 0;
  for (const MetricsRow& row : rows) {
    most = std::max(most, MetricOr(row.metrics, name, 0));
  }
  return most;
}

void AddEvals(const EvalRow& base, const EvalRow& last,
              nlohmann::ordered_json* summary) {
  const struct {
    const char* key;
    const char* metric;
  } kFacts[] = {{"pass1", "pass@1"},
                {"format", "format"},
                {"mean_length", "mean_length"},
                {"problems", "problems"},
                {"abstained", "abstained"},
                {"not_applicable", "not_applicable"},
                {"errors", "errors"}};
  for (const auto& [key, metric] : kFacts) {
    (*summary)[absl::StrCat("base_", key)] =
        MetricOr(base.metrics, metric, std::nan(""));
    (*summary)[absl::StrCat("final_", key)] =
        MetricOr(last.metrics, metric, std::nan(""));
  }
}

// name, before, after and change of every metric that both evaluations have.
std::string RenderTable(const EvalRow& base, const EvalRow& last,
                        const std::string& judge) {
  std::string table = absl::StrFormat(
      "  %-18s %12s %12s\n", "held-out problems",
      absl::StrCat("step ", base.step), absl::StrCat("step ", last.step));
  if (!judge.empty()) {
    absl::StrAppend(&table, "  judged by the rule ", judge, "\n");
  }
  Metrics metrics = last.metrics;
  for (const auto& metric : base.metrics) {
    // Counts of what went wrong that only the first evaluation has.
    if (IsEvalFault(metric.first) &&
        std::isnan(MetricOr(metrics, metric.first, std::nan("")))) {
      metrics.emplace_back(metric.first, 0);
    }
  }
  for (const auto& [name, value] : metrics) {
    if (IsEvalDetail(name)) continue;
    const bool is_fault = IsEvalFault(name);
    const double before =
        MetricOr(base.metrics, name, is_fault ? 0 : std::nan(""));
    if (std::isnan(before) || (is_fault && before == 0 && value == 0)) continue;
    const std::string label =
        VisibleLine(absl::StrReplaceAll(name, {{"_", " "}}));
    absl::StrAppendFormat(&table, "  %s %12s %12s\n", PadRight(label, 18),
                          FormatEvalMetric(name, before),
                          FormatEvalMetric(name, value));
  }
  return table;
}

// "  rewards of training   3 errors, 12 abstentions"; empty if all were scores.
std::string RenderFaults(const std::vector<MetricsRow>& rows) {
  std::string faults;
  for (const ShownMetric& shown : ShownMetrics()) {
    double count = 0;
    for (const MetricsRow& row : rows) {
      if (shown.is_fault) count += MetricOr(row.metrics, shown.name, 0);
    }
    if (count == 0) continue;
    absl::StrAppend(&faults, faults.empty() ? "" : ", ",
                    FormatMetric(shown.format, count), " ", shown.label);
  }
  if (faults.empty()) return "";
  return absl::StrCat("  rewards of training: ", faults, "\n");
}

absl::StatusOr<std::string> RenderAnswers(const RunReader& reader,
                                          const EvalRow& base,
                                          const EvalRow& last) {
  constexpr int64_t kEnough = 4096;  // rows with all samples of two problems
  R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> before,
                      reader.EvalSamples(base.step, kEnough));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> after,
                      reader.EvalSamples(last.step, kEnough));
  std::string text;
  int shown = 0;
  for (const EvalSample& first : before) {
    if (first.sample_index != 0 || shown == kShownAnswers) continue;
    const auto second =
        std::find_if(after.begin(), after.end(), [&](const EvalSample& other) {
          return other.prompt_id == first.prompt_id && other.sample_index == 0;
        });
    if (second == after.end()) continue;
    ++shown;
    absl::StrAppend(&text, "\n  ", VisibleLine(first.question), "\n",
                    RenderAnswer("before", first, "  "),
                    RenderAnswer("after", *second, "  "));
  }
  return text;
}

// One line of the recipe: what it took and what came of it.
absl::StatusOr<nlohmann::ordered_json> StageFacts(const std::string& run_dir,
                                                  const StageConfig& stage,
                                                  const RunReader& reader) {
  R1_ASSIGN_OR_RETURN(const double seconds, reader.StageSeconds(stage.name()));
  nlohmann::ordered_json facts;
  facts["name"] = stage.name();
  facts["kind"] = StageKind(stage);
  facts["from"] = stage.from();
  facts["seconds"] = seconds;
  const auto recorded = ReadStageFacts(run_dir, stage.name());
  if (!recorded.ok()) return recorded.status();
  for (const char* key : {"key", kOutputSha256}) {
    const auto it = recorded->find(key);
    if (it != recorded->end()) facts[key] = it->second;
  }
  return facts;
}

// The tables of the recipe's comparisons, and answers.
absl::StatusOr<std::string> DescribeComparisons(const std::string& run_dir) {
  R1_ASSIGN_OR_RETURN(const Recipe recipe, ReadRecipe(run_dir));
  std::string text;
  for (const StageConfig& stage : ResolveStages(recipe)) {
    if (!stage.has_compare()) continue;
    R1_ASSIGN_OR_RETURN(const StageTable table, ReadStageTable(run_dir, stage));
    if (table.rows.empty()) continue;
    R1_ASSIGN_OR_RETURN(const std::string answers,
                        RenderStageAnswers(run_dir, stage, "  "));
    absl::StrAppend(&text, text.empty() ? "" : "\n",
                    RenderStageTable(table, "  "), answers);
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> MakeSummary(const std::string& run_dir,
                                        const Recipe& recipe) {
  R1_ASSIGN_OR_RETURN(RunReader reader, RunReader::Open(run_dir));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> metrics,
                      reader.AllMetrics());
  R1_ASSIGN_OR_RETURN(const double wall_seconds, reader.WallSeconds());
  nlohmann::ordered_json summary;
  summary["seed"] = recipe.seed();
  const std::vector<StageConfig> stages = ResolveStages(recipe);
  const bool has_table =
      std::any_of(stages.begin(), stages.end(),
                  [](const StageConfig& stage) { return stage.has_compare(); });
  if (!evals.empty() && !has_table) {
    R1_ASSIGN_OR_RETURN(const StageConfig judged,
                        ReadStageConfig(run_dir, reader.stage()));
    // A run whose database was lost has none of its base; null says so.
    const bool has_base = evals.front().step == 0;
    summary["eval_stage"] = reader.stage();
    AddEvals(has_base ? evals.front() : EvalRow(), evals.back(), &summary);
    summary["eval_judge"] = JudgesOfStage(judged);
  }
  summary["wall_seconds"] = wall_seconds;
  int64_t rl_steps = 0;
  bool has_rl = false;
  summary["stages"] = nlohmann::ordered_json::array();
  for (const StageConfig& stage : stages) {
    has_rl |= stage.has_rl();
    rl_steps += stage.has_rl() ? stage.rl().steps() : 0;
    R1_ASSIGN_OR_RETURN(nlohmann::ordered_json facts,
                        StageFacts(run_dir, stage, reader));
    summary["stages"].push_back(std::move(facts));
    if (!stage.has_compare()) continue;
    const std::string path =
        absl::StrCat(StagePath(run_dir, stage.name()), "/table.json");
    if (!FileExists(path)) continue;
    R1_ASSIGN_OR_RETURN(const std::string table, ReadFile(path));
    const auto json = nlohmann::ordered_json::parse(table, /*cb=*/nullptr,
                                                    /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("rows")) {
      return absl::DataLossError(
          absl::StrCat(path, " is no table of a comparison: --redo ",
                       stage.name(), " makes it anew"));
    }
    summary["tables"][stage.name()] = json["rows"];
  }
  summary["rl_steps"] = rl_steps;
  if (has_rl) {
    R1_ASSIGN_OR_RETURN(const double first_step, reader.FirstRlStepSeconds());
    if (first_step > 0) summary["first_rl_step_seconds"] = first_step;
    summary["max_logprob_mismatch"] =
        MaxOverSteps(metrics, "max_logprob_mismatch");
  }
  const absl::StatusOr<std::string> checkpoint = ResolveModelPath(run_dir);
  if (checkpoint.ok()) {
    R1_ASSIGN_OR_RETURN(const ModelFolder model, LoadModelFolder(*checkpoint));
    summary["checkpoint"] = *checkpoint;
    summary["checkpoint_sha256"] = HashParams(model.params);
  } else if (!absl::IsNotFound(checkpoint.status())) {
    return checkpoint.status();
  }  // else no stage makes a language model
  return summary.dump(2) + "\n";
}

absl::StatusOr<std::string> DescribeOutcome(const std::string& run_dir) {
  R1_ASSIGN_OR_RETURN(RunReader reader, RunReader::Open(run_dir));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  R1_ASSIGN_OR_RETURN(std::string text, DescribeComparisons(run_dir));
  // The stages beside each other say more than one of them before and after.
  if (text.empty() && evals.size() > 1) {
    const auto config = ReadStageConfig(run_dir, reader.stage());
    absl::StrAppend(&text,
                    RenderTable(evals.front(), evals.back(),
                                config.ok() ? JudgesOfStage(*config) : ""));
    R1_ASSIGN_OR_RETURN(const std::string answers,
                        RenderAnswers(reader, evals.front(), evals.back()));
    absl::StrAppend(&text, answers);
  }
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> metrics,
                      reader.AllMetrics());
  absl::StrAppend(&text, RenderFaults(metrics));
  const absl::StatusOr<std::string> checkpoint = ResolveModelPath(run_dir);
  if (!checkpoint.ok() && !absl::IsNotFound(checkpoint.status())) {
    return checkpoint.status();
  }
  absl::StrAppend(&text, "\n  model    ",
                  checkpoint.ok() ? *checkpoint : "none in this folder",
                  "\n  report   ", run_dir, "/report.html\n",
                  FileExists(run_dir + "/summary.json")
                      ? absl::StrCat("  summary  ", run_dir, "/summary.json\n")
                      : "",
                  "  samples  r1 samples ", run_dir, "\n  metrics  r1 metrics ",
                  run_dir, "\n");
  return text;
}

}  // namespace r1
