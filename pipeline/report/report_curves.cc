#include "pipeline/report/report_curves.h"

#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "pipeline/screen/escape.h"

namespace r1 {
namespace {

constexpr size_t kMaxPoints = 1500;  // of a curve; more are thinned out
constexpr size_t kMaxRuleCurves = 32;

struct SeriesSpec {
  const char* name;
  std::string metric;
};

struct ChartSpec {
  std::string title;
  bool includes_zero;
  const char* eval;  // held-out points drawn over it; may be null
  std::vector<SeriesSpec> series;
  // Metric of some steps on held-out data, drawn as such points; may be null.
  const char* held_out = nullptr;
};

std::vector<ChartSpec> RlCharts() {
  return {
      {"Reward, mean", false, nullptr, {{"", "reward/mean"}}},
      {"Accuracy", true, "pass@1", {{"training", "accuracy"}}},
      {"Format", true, "format", {{"training", "format"}}},
      {"Answer length, tokens",
       true,
       "mean_length",
       {{"mean", "response_length/mean"}}},
      {"Truncated, equal rewards",
       true,
       nullptr,
       {{"truncated", "truncated_share"},
        {"equal groups", "advantage/zero_groups"}}},
      {"Entropy, nats", true, nullptr, {{"", "entropy"}}},
      {"KL to the reference, nats", true, nullptr, {{"", "kl"}}},
      {"Clip fraction", true, nullptr, {{"", "clip_fraction"}}},
      {"Gradient norm", true, nullptr, {{"", "grad_norm"}}},
      {"Log-prob mismatch, nats",
       true,
       nullptr,
       {{"", "max_logprob_mismatch"}}},
      {"Tokens a second",
       true,
       nullptr,
       {{"generate", "tokens_per_second/generate"},
        {"train", "tokens_per_second/train"}}},
      {"Learning rate", true, nullptr, {{"", "learning_rate"}}},
  };
}

// What each rule gave and measured, by the names of its metrics.
std::vector<ChartSpec> RuleCharts(const std::vector<MetricsRow>& rows) {
  std::set<std::string> names;
  for (const MetricsRow& row : rows) {
    for (const auto& [name, value] : row.metrics) {
      if (absl::StartsWith(name, "reward/rule/") ||
          absl::StartsWith(name, "reward/metric/")) {
        names.insert(name);
      }
    }
  }
  std::vector<ChartSpec> charts;
  for (const std::string& name : names) {
    charts.push_back({VisibleLine(name), false, nullptr, {{"", name}}});
  }
  return charts;
}

// But for those of rules.
std::vector<ChartSpec> ChartsOf(const StageConfig& stage) {
  if (stage.has_rl()) return RlCharts();
  if (stage.has_supervised()) {
    return {{"Loss, nats",
             false,
             nullptr,
             {{"training", "loss"}},
             "held_out_loss"}};
  }
  if (stage.has_reward_model()) {
    return {{"Loss, nats", false, nullptr, {{"", "loss"}}},
            {"Pairs in the right order", true, nullptr, {{"", "accuracy"}}},
            {"Margin of the better text", true, nullptr, {{"", "margin"}}}};
  }
  return {};
}

// Every stride-th row, the last one included.
std::vector<const MetricsRow*> ThinnedRows(
    const std::vector<MetricsRow>& rows) {
  std::vector<const MetricsRow*> kept;
  const size_t stride = rows.size() / kMaxPoints + 1;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % stride == 0 || i + 1 == rows.size()) kept.push_back(&rows[i]);
  }
  return kept;
}

// Null if it has no value.
ReportJson MakeChart(const ChartSpec& spec,
                     const std::vector<const MetricsRow*>& rows,
                     const std::vector<MetricsRow>& all_rows,
                     const std::vector<EvalRow>& evals) {
  ReportJson chart = {{"title", spec.title},
                      {"zero", spec.includes_zero},
                      {"x", ReportJson::array()},
                      {"series", ReportJson::array()},
                      {"points", ReportJson::array()}};
  bool has_value = false;
  for (const MetricsRow* row : rows) chart["x"].push_back(row->step);
  for (const SeriesSpec& series : spec.series) {
    ReportJson y = ReportJson::array();
    for (const MetricsRow* row : rows) {
      const double value = MetricOr(row->metrics, series.metric, std::nan(""));
      has_value |= std::isfinite(value);
      // Six digits are more than a screen shows.
      y.push_back(std::isfinite(value)
                      ? ReportJson(std::stod(absl::StrFormat("%.6g", value)))
                      : ReportJson(nullptr));
    }
    chart["series"].push_back({{"name", series.name}, {"y", std::move(y)}});
  }
  if (!has_value) return nullptr;
  if (spec.eval != nullptr) {
    for (const EvalRow& eval : evals) {
      chart["points"].push_back(
          {eval.step,
           ReportNumber(MetricOr(eval.metrics, spec.eval, std::nan("")))});
    }
  }
  for (const MetricsRow& row : all_rows) {
    if (spec.held_out == nullptr) break;
    const double value = MetricOr(row.metrics, spec.held_out, std::nan(""));
    if (!std::isnan(value)) {
      chart["points"].push_back({row.step, ReportNumber(value)});
    }
  }
  return chart;
}

}  // namespace

void AddCurves(const StageConfig& stage, const std::vector<MetricsRow>& rows,
               const std::vector<EvalRow>& evals, ReportJson* section) {
  std::vector<ChartSpec> specs = ChartsOf(stage);
  size_t left_out = 0;
  if (stage.has_rl()) {
    std::vector<ChartSpec> of_rules = RuleCharts(rows);
    if (of_rules.size() > kMaxRuleCurves) {
      left_out = of_rules.size() - kMaxRuleCurves;
      of_rules.resize(kMaxRuleCurves);
    }
    for (ChartSpec& spec : of_rules) specs.push_back(std::move(spec));
  }
  ReportJson charts = ReportJson::array();
  const std::vector<const MetricsRow*> thinned = ThinnedRows(rows);
  for (const ChartSpec& spec : specs) {
    ReportJson chart = MakeChart(spec, thinned, rows, evals);
    if (!chart.is_null()) charts.push_back(std::move(chart));
  }
  (*section)["charts"] = std::move(charts);
  (*section)["charts_left_out"] = left_out;
}

}  // namespace r1
