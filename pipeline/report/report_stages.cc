#include "pipeline/report/report_stages.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "pipeline/evaluation/evaluate_tasks.h"
#include "pipeline/folder/model_path.h"
#include "pipeline/folder/stage_folder.h"
#include "pipeline/report/report_answers.h"
#include "pipeline/report/report_curves.h"
#include "pipeline/report/report_kept.h"
#include "pipeline/report/report_samples.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"
#include "pipeline/stages/base_model.h"
#include "proto/recipe.h"

namespace r1 {
namespace {

constexpr int kAnswers = 6;             // problems shown before and after
constexpr size_t kHashCharacters = 12;  // shown of a SHA-256

bool HasBegun(const RunStage& stage) {
  return stage.state != RunStage::State::kWaiting;
}

bool ShowsSamples(const RunStage& stage) {
  return HasBegun(stage) &&
         (stage.config.has_rl() || stage.config.has_sample());
}

// What it learns from: stages, files, or problems of its tasks.
std::string ReadsOf(const StageConfig& stage) {
  std::vector<std::string> reads(stage.data_stage().begin(),
                                 stage.data_stage().end());
  for (const auto* files :
       {&stage.supervised().data(), &stage.reward_model().data()}) {
    reads.insert(reads.end(), files->begin(), files->end());
  }
  if (DrawsSamples(stage)) {
    const bool has_shares = stage.task_size() > 1 && !stage.has_compare();
    for (int t = 0; t < stage.task_size(); ++t) {
      reads.push_back(absl::StrCat(
          stage.task(t).name(),
          has_shares
              ? absl::StrCat(" ", std::lround(100 * stage.share(t)), " %")
              : ""));
    }
  } else if (reads.empty() && stage.has_supervised()) {
    reads.push_back(
        absl::StrCat("the corpus ", Corpus_Name(stage.supervised().corpus())));
  } else if (reads.empty()) {
    reads.push_back("generated pairs");
  }
  return absl::StrJoin(reads, ", ");
}

ReportJson MakeFacts(const RunStage& stage,
                     const std::vector<MetricsRow>& rows) {
  const StageConfig& config = stage.config;
  ReportJson facts = ReportJson::array();
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) facts.push_back({name, VisibleLine(value)});
  };
  const auto hash = [&](const char* name, const char* key) {
    const auto it = stage.facts.find(key);
    if (it == stage.facts.end()) return;
    add(name, it->second.substr(0, kHashCharacters));
  };
  add("compares", absl::StrJoin(config.compare().stage(), ", "));
  if (!config.has_compare()) add("from", config.from());
  add("work", DescribeWork(config));
  if (stage.state == RunStage::State::kBegun && !rows.empty()) {
    add("so far", absl::StrCat("step ", rows.back().step));
  }
  add(config.has_compare()  ? "held-out problems of"
      : config.has_sample() ? "problems of"
                            : "learns from",
      ReadsOf(config));
  add("judged by", absl::StrJoin(RewardModelsOf(config), ", "));
  if (config.has_rl() || config.has_compare()) {
    add("held-out judge", JudgesOfStage(config));
  }
  if (config.has_reward_model() && !rows.empty()) {
    const double held_out =
        MetricOr(rows.back().metrics, "held_out/accuracy", std::nan(""));
    if (!std::isnan(held_out)) {
      add("held-out pairs in the right order",
          FormatMetric(ShownMetric::Format::kPercent, held_out));
    }
  }
  if (stage.seconds.value_or(0) > 0) {
    add("time", FormatSpan(absl::Seconds(*stage.seconds)));
  }
  hash("key", "key");
  hash(config.has_sample()    ? "data SHA-256"
       : config.has_compare() ? "table SHA-256"
                              : "model SHA-256",
       kOutputSha256);
  return facts;
}

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Null without evaluations.
ReportJson MakeEvals(const std::vector<EvalRow>& evals) {
  if (evals.empty()) return nullptr;
  ReportJson table = {{"steps", ReportJson::array()},
                      {"rows", ReportJson::array()}};
  for (const EvalRow& eval : evals) table["steps"].push_back(eval.step);
  Metrics metrics = evals.back().metrics;
  for (const EvalRow& eval : evals) {
    // Counts of what went wrong, which stand there only where it did.
    for (const auto& [name, value] : eval.metrics) {
      if (IsEvalFault(name) && std::isnan(MetricOr(metrics, name, kNone))) {
        metrics.emplace_back(name, 0);
      }
    }
  }
  for (const auto& [name, last] : metrics) {
    if (IsEvalDetail(name)) continue;
    const auto is_zero = [&, &metric = name](const EvalRow& eval) {
      return MetricOr(eval.metrics, metric, 0) == 0;
    };
    if (IsEvalFault(name) && absl::c_all_of(evals, is_zero)) continue;
    ReportJson row = {VisibleLine(absl::StrReplaceAll(name, {{"_", " "}}))};
    for (const EvalRow& eval : evals) {
      row.push_back(FormatEvalMetric(
          name, MetricOr(eval.metrics, name, IsEvalFault(name) ? 0 : kNone)));
    }
    table["rows"].push_back(std::move(row));
  }
  return table;
}

// The tokenizer that the stage's samples were made with: that of the newest
// checkpoint of the stage, or of the one it is from. Null if there is none.
std::shared_ptr<const Tokenizer> TokenizerOfStage(const std::string& run_dir,
                                                  const RunStage& stage) {
  for (const std::string& name : {stage.config.name(), stage.config.from()}) {
    const auto path = ResolveModelPath(run_dir, name);
    if (!path.ok()) continue;
    auto tokenizer = LoadTokenizer(*path);
    if (tokenizer.ok()) return *std::move(tokenizer);
  }
  return nullptr;
}

absl::Status AddSamples(const std::string& run_dir, const RunStage& stage,
                        const RunReader& reader, int64_t size_bytes,
                        const std::vector<MetricsRow>& rows,
                        ReportJson* section) {
  FatesOf fates;
  if (stage.config.has_sample()) {
    fates = [&config = stage.config](const std::vector<SampleView>& samples) {
      return FatesOfSamples(config, samples);
    };
    R1_RETURN_IF_ERROR(AddKept(reader, stage.config, rows, section));
  }
  return AddReportSamples(reader, TokenizerOfStage(run_dir, stage).get(), fates,
                          size_bytes, section);
}

absl::StatusOr<ReportJson> MakeSection(const std::string& run_dir,
                                       const RunStage& stage,
                                       const std::vector<MetricsRow>& rows,
                                       int64_t sample_bytes) {
  const StageConfig& config = stage.config;
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run_dir, config.name()));
  // Those of a comparison stand in its table.
  std::vector<EvalRow> evals;
  if (!config.has_compare()) {
    R1_ASSIGN_OR_RETURN(evals, reader.Evals());
  }
  const bool is_done = stage.state == RunStage::State::kDone;
  ReportJson section = {{"name", config.name()},
                        {"kind", StageKind(config)},
                        {"state", is_done ? "done" : "begun"},
                        {"facts", MakeFacts(stage, rows)}};
  AddCurves(config, rows, evals, &section);
  ReportJson table = MakeEvals(evals);
  if (!table.is_null()) section["evals"] = std::move(table);
  if (evals.size() > 1) {
    const int64_t first = evals.front().step, last = evals.back().step;
    R1_ASSIGN_OR_RETURN(section["answers"],
                        MakeAnswers(reader, config,
                                    {{first, absl::StrCat("step ", first)},
                                     {last, absl::StrCat("step ", last)}},
                                    kAnswers));
  }
  if (ShowsSamples(stage)) {
    R1_RETURN_IF_ERROR(
        AddSamples(run_dir, stage, reader, sample_bytes, rows, &section));
  }
  return section;
}

}  // namespace

absl::StatusOr<ReportJson> MakeStageSections(
    const std::string& run_dir, const std::vector<RunStage>& stages,
    const std::vector<MetricsRow>& rows) {
  const int64_t share =
      kReportSampleBytes /
      std::max<int64_t>(1, absl::c_count_if(stages, ShowsSamples));
  ReportJson sections = ReportJson::array();
  for (const RunStage& stage : stages) {
    if (!HasBegun(stage)) continue;
    std::vector<MetricsRow> own;
    absl::c_copy_if(rows, std::back_inserter(own), [&](const MetricsRow& row) {
      return row.stage == stage.config.name();
    });
    R1_ASSIGN_OR_RETURN(ReportJson section,
                        MakeSection(run_dir, stage, own, share));
    sections.push_back(std::move(section));
  }
  return sections;
}

}  // namespace r1
