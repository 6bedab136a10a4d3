#include "pipeline/report/report_comparisons.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "pipeline/report/report_answers.h"
#include "pipeline/report/stage_table.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"

namespace r1 {
namespace {

constexpr int kProblems = 12;

std::string ValueText(const std::string& column, double value) {
  const std::string unit = TableUnit(column);
  return absl::StrCat(FormatTableValue(column, value),
                      unit.empty() || std::isnan(value) ? "" : " ",
                      std::isnan(value) ? "" : unit);
}

// Whether more is better: of lengths and of what rules measure beside their
// scores nobody knows.
bool HasBest(absl::string_view column) {
  return !absl::EndsWith(column, "mean_length") &&
         !absl::StrContains(column, "reward/metric/");
}

// The value that stands out in a column; NaN if none does.
double BestOf(const StageTable& table, size_t column) {
  if (!HasBest(table.columns[column])) return std::nan("");
  double best = -INFINITY, worst = INFINITY;
  for (const StageTable::Row& row : table.rows) {
    if (std::isnan(row.values[column])) continue;
    best = std::max(best, row.values[column]);
    worst = std::min(worst, row.values[column]);
  }
  return best > worst ? best : std::nan("");
}

ReportJson MakeTable(const StageTable& table) {
  ReportJson json = {{"columns", ReportJson::array()},
                     {"rows", ReportJson::array()}};
  for (const std::string& label : table.labels) {
    json["columns"].push_back(VisibleLine(label));
  }
  for (const StageTable::Row& row : table.rows) {
    ReportJson values = ReportJson::array(), best = ReportJson::array();
    for (size_t c = 0; c < row.values.size(); ++c) {
      values.push_back(ValueText(table.columns[c], row.values[c]));
      best.push_back(row.values[c] == BestOf(table, c));
    }
    json["rows"].push_back({{"stage", row.stage},
                            {"values", std::move(values)},
                            {"best", std::move(best)}});
  }
  return json;
}

}  // namespace

absl::StatusOr<ReportJson> MakeComparisons(
    const std::string& run_dir, const std::vector<StageConfig>& stages) {
  ReportJson comparisons = ReportJson::array();
  for (const StageConfig& stage : stages) {
    if (!stage.has_compare()) continue;
    R1_ASSIGN_OR_RETURN(const StageTable table, ReadStageTable(run_dir, stage));
    if (table.rows.empty()) continue;
    R1_ASSIGN_OR_RETURN(const RunReader reader,
                        RunReader::Open(run_dir, stage.name()));
    std::vector<AnswerColumn> columns;
    for (int i = 0; i < stage.compare().stage_size(); ++i) {
      columns.push_back({i + 1, stage.compare().stage(i)});
    }
    R1_ASSIGN_OR_RETURN(ReportJson problems,
                        MakeAnswers(reader, stage, columns, kProblems));
    comparisons.push_back({{"name", stage.name()},
                           {"table", MakeTable(table)},
                           {"problems", std::move(problems)}});
  }
  return comparisons;
}

}  // namespace r1
