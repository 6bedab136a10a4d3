#include "pipeline/report/report_data.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/report/report_samples.h"
#include "pipeline/screen/escape.h"
#include "pipeline/screen/progress.h"

namespace r1 {
namespace {

using Json = ReportJson;

constexpr size_t kMaxPoints = 1500;  // of a curve; more are thinned out
constexpr size_t kMaxEvents = 300;
constexpr int kAnswers = 6;  // held-out problems shown before and after

// --- Tiles -------------------------------------------------------------------

void AddTile(std::string name, std::string value, std::string more,
             Json* tiles) {
  tiles->push_back({{"name", std::move(name)},
                    {"value", std::move(value)},
                    {"more", std::move(more)}});
}

double Field(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<double>()
                                               : std::nan("");
}

void AddChange(const char* name, const char* key, const Json& summary,
               Json* tiles) {
  const double before = Field(summary, absl::StrCat("base_", key).c_str());
  const double after = Field(summary, absl::StrCat("final_", key).c_str());
  if (std::isnan(before) || std::isnan(after)) return;
  const auto percent = ShownMetric::Format::kPercent;
  AddTile(name, FormatMetric(percent, after),
          absl::StrCat("before: ", FormatMetric(percent, before)), tiles);
}

// Who judges, and what it could not judge.
void AddFaults(const Json& summary, Json* tiles) {
  const auto judge = summary.find("eval_judge");
  if (judge == summary.end() || !judge->is_string()) return;
  std::string faults;
  for (const char* kind : {"abstained", "not_applicable", "errors"}) {
    const double before = Field(summary, absl::StrCat("base_", kind).c_str());
    const double after = Field(summary, absl::StrCat("final_", kind).c_str());
    if (before > 0 || after > 0) {
      absl::StrAppend(&faults, faults.empty() ? "" : "; ", kind, " ", before,
                      " before, ", after, " after");
    }
  }
  AddTile("judged by the rule", VisibleLine(judge->get<std::string>()), faults,
          tiles);
}

Json MakeTiles(const std::string& summary_text,
               const std::vector<MetricsRow>& rows) {
  Json tiles = Json::array();
  const Json summary = Json::parse(summary_text, /*cb=*/nullptr,
                                   /*allow_exceptions=*/false);
  if (!summary.is_object()) {
    const std::string where =
        rows.empty()
            ? "nothing is recorded yet"
            : absl::StrCat(rows.back().stage, " step ", rows.back().step);
    AddTile("state", "not finished", where, &tiles);
    return tiles;
  }
  AddChange("held-out pass@1", "pass1", summary, &tiles);
  AddFaults(summary, &tiles);
  AddChange("held-out format", "format", summary, &tiles);
  AddTile("RL steps", absl::StrCat(Field(summary, "rl_steps")), "", &tiles);
  AddTile("time", FormatSpan(absl::Seconds(Field(summary, "wall_seconds"))), "",
          &tiles);
  const double mismatch = Field(summary, "max_logprob_mismatch");
  if (!std::isnan(mismatch)) {
    AddTile("largest log-prob mismatch",
            FormatMetric(ShownMetric::Format::kScientific, mismatch),
            "between sampling and training, nats", &tiles);
  }
  const auto hash = summary.find("checkpoint_sha256");
  if (hash != summary.end() && hash->is_string()) {
    AddTile("checkpoint", hash->get<std::string>().substr(0, 10),
            "start of its SHA-256", &tiles);
  }
  return tiles;
}

// --- Curves ------------------------------------------------------------------

struct SeriesSpec {
  const char* name;
  std::string metric;
};

struct ChartSpec {
  std::string title;
  std::string stage;
  bool includes_zero;
  const char* eval;  // held-out points drawn over it; may be null
  std::vector<SeriesSpec> series;
  // Metric of some steps on held-out data, drawn as such points.
  const char* held_out = nullptr;
};

// The curves of an RL stage.
std::vector<ChartSpec> RlCharts(const std::string& stage) {
  return {
      {"Reward, mean", stage, false, nullptr, {{"", "reward/mean"}}},
      {"Accuracy", stage, true, "pass@1", {{"training", "accuracy"}}},
      {"Format", stage, true, "format", {{"training", "format"}}},
      {"Answer length, tokens",
       stage,
       true,
       "mean_length",
       {{"mean", "response_length/mean"}}},
      {"Truncated, equal rewards",
       stage,
       true,
       nullptr,
       {{"truncated", "truncated_share"},
        {"equal groups", "advantage/zero_groups"}}},
      {"Entropy, nats", stage, true, nullptr, {{"", "entropy"}}},
      {"KL to the reference, nats", stage, true, nullptr, {{"", "kl"}}},
      {"Clip fraction", stage, true, nullptr, {{"", "clip_fraction"}}},
      {"Gradient norm", stage, true, nullptr, {{"", "grad_norm"}}},
      {"Log-prob mismatch, nats",
       stage,
       true,
       nullptr,
       {{"", "max_logprob_mismatch"}}},
      {"Tokens a second",
       stage,
       true,
       nullptr,
       {{"generate", "tokens_per_second/generate"},
        {"train", "tokens_per_second/train"}}},
      {"Learning rate", stage, true, nullptr, {{"", "learning_rate"}}},
  };
}

// What each rule gave and measured, by the names of its metrics.
std::vector<ChartSpec> RuleCharts(const std::vector<MetricsRow>& rows,
                                  const std::string& stage) {
  constexpr size_t kMost = 32;
  std::set<std::string> names;
  for (const MetricsRow& row : rows) {
    if (row.stage != stage) continue;
    for (const auto& [name, value] : row.metrics) {
      if (absl::StartsWith(name, "reward/rule/") ||
          absl::StartsWith(name, "reward/metric/")) {
        names.insert(name);
      }
    }
  }
  std::vector<ChartSpec> charts;
  for (const std::string& name : names) {
    if (charts.size() == kMost) break;
    charts.push_back({VisibleLine(name), stage, false, nullptr, {{"", name}}});
  }
  return charts;
}

// Of RL stages first, each named in front where there are several; then the
// losses of the others.
std::vector<ChartSpec> ChartSpecs(const std::vector<MetricsRow>& rows) {
  std::vector<std::string> rl, supervised;
  for (const MetricsRow& row : rows) {
    const bool is_rl =
        !std::isnan(MetricOr(row.metrics, "reward/mean", std::nan("")));
    std::vector<std::string>& stages = is_rl ? rl : supervised;
    if (absl::c_linear_search(stages, row.stage)) continue;
    stages.push_back(row.stage);
  }
  std::vector<ChartSpec> specs;
  for (const std::string& stage : rl) {
    std::vector<ChartSpec> charts = RlCharts(stage);
    for (ChartSpec& spec : RuleCharts(rows, stage)) {
      charts.push_back(std::move(spec));
    }
    for (ChartSpec& spec : charts) {
      if (rl.size() > 1) spec.title = absl::StrCat(stage, ": ", spec.title);
      specs.push_back(std::move(spec));
    }
  }
  for (const std::string& stage : supervised) {
    if (absl::c_linear_search(rl, stage)) continue;
    specs.push_back({absl::StrCat(stage, ": loss, nats"),
                     stage,
                     false,
                     nullptr,
                     {{"training", "loss"}},
                     "held_out_loss"});
  }
  return specs;
}

// Every stride-th row of the stage, the last one included.
std::vector<const MetricsRow*> ThinnedRows(const std::vector<MetricsRow>& rows,
                                           absl::string_view stage) {
  std::vector<const MetricsRow*> all, kept;
  for (const MetricsRow& row : rows) {
    if (row.stage == stage) all.push_back(&row);
  }
  const size_t stride = all.size() / kMaxPoints + 1;
  for (size_t i = 0; i < all.size(); ++i) {
    if (i % stride == 0 || i + 1 == all.size()) kept.push_back(all[i]);
  }
  return kept;
}

Json MakeChart(const ChartSpec& spec, const std::vector<MetricsRow>& rows,
               const std::vector<EvalRow>& evals,
               const std::string& eval_stage) {
  Json chart = {{"title", spec.title},
                {"zero", spec.includes_zero},
                {"x", Json::array()},
                {"series", Json::array()},
                {"points", Json::array()}};
  bool has_value = false;
  const std::vector<const MetricsRow*> kept = ThinnedRows(rows, spec.stage);
  for (const MetricsRow* row : kept) chart["x"].push_back(row->step);
  for (const SeriesSpec& series : spec.series) {
    Json y = Json::array();
    for (const MetricsRow* row : kept) {
      const double value = MetricOr(row->metrics, series.metric, std::nan(""));
      has_value |= std::isfinite(value);
      // Six digits are more than a screen shows.
      y.push_back(std::isfinite(value)
                      ? Json(std::stod(absl::StrFormat("%.6g", value)))
                      : Json(nullptr));
    }
    chart["series"].push_back({{"name", series.name}, {"y", std::move(y)}});
  }
  if (!has_value) return nullptr;
  if (spec.eval != nullptr && spec.stage == eval_stage) {
    for (const EvalRow& eval : evals) {
      chart["points"].push_back(
          {eval.step,
           ReportNumber(MetricOr(eval.metrics, spec.eval, std::nan("")))});
    }
  }
  for (const MetricsRow& row : rows) {
    if (spec.held_out == nullptr || row.stage != spec.stage) continue;
    const double value = MetricOr(row.metrics, spec.held_out, std::nan(""));
    if (!std::isnan(value)) {
      chart["points"].push_back({row.step, ReportNumber(value)});
    }
  }
  return chart;
}

// --- Held-out answers and events ---------------------------------------------

Json MakeSide(int64_t step, const EvalSample& sample) {
  return {{"step", step},
          {"correct", sample.is_correct ? Json(*sample.is_correct) : Json()},
          {"tokens", sample.num_tokens},
          {"finish", FinishReasonName(sample.finish_reason)},
          {"text", ReportText(sample.completion)}};
}

absl::Status AddAnswers(const RunReader& reader,
                        const std::vector<EvalRow>& evals, Json* data) {
  Json answers = Json::array();
  if (evals.size() > 1) {
    const int64_t first = evals.front().step, last = evals.back().step;
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> before,
                        reader.EvalSamples(first, -1));
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> after,
                        reader.EvalSamples(last, -1));
    for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
      if (before[i].sample_index != 0 || answers.size() >= kAnswers) continue;
      answers.push_back(
          {{"question", VisibleLine(before[i].question)},
           {"reference", VisibleLine(before[i].reference)},
           {"sides", {MakeSide(first, before[i]), MakeSide(last, after[i])}}});
    }
  }
  (*data)["answers"] = std::move(answers);
  return absl::OkStatus();
}

absl::Status AddEvents(const RunReader& reader, Json* data) {
  R1_ASSIGN_OR_RETURN(std::vector<EventRow> events, reader.Events());
  if (events.size() > kMaxEvents) {
    events.erase(events.begin(), events.end() - kMaxEvents);
  }
  (*data)["events"] = Json::array();
  for (const EventRow& event : events) {
    (*data)["events"].push_back(
        {{"time", absl::FormatTime("%Y-%m-%d %H:%M:%S",
                                   absl::FromUnixMillis(event.time_unix_ms),
                                   absl::UTCTimeZone())},
         {"stage", event.stage},
         {"step", event.step},
         {"kind", VisibleLine(event.kind)},
         {"message", VisibleLine(event.message)}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakeReportData(const RunReader& reader,
                                           const Tokenizer* tokenizer,
                                           const std::string& summary) {
  Json data;
  R1_ASSIGN_OR_RETURN(const std::vector<MetricsRow> rows, reader.AllMetrics());
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  data["tiles"] = MakeTiles(summary, rows);
  data["charts"] = Json::array();
  for (const ChartSpec& spec : ChartSpecs(rows)) {
    Json chart = MakeChart(spec, rows, evals, reader.stage());
    if (!chart.is_null()) data["charts"].push_back(std::move(chart));
  }
  data["evals"] = Json::array();
  for (const EvalRow& eval : evals) {
    Json metrics = Json::array();
    for (const auto& [name, value] : eval.metrics) {
      metrics.push_back({name, ReportNumber(value)});
    }
    data["evals"].push_back({{"step", eval.step}, {"metrics", metrics}});
  }
  R1_RETURN_IF_ERROR(AddReportSamples(reader, tokenizer, &data));
  R1_RETURN_IF_ERROR(AddAnswers(reader, evals, &data));
  R1_RETURN_IF_ERROR(AddEvents(reader, &data));
  return data.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace r1
