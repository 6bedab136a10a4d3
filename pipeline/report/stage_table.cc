#include "pipeline/report/stage_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "pipeline/report/answer_text.h"
#include "pipeline/screen/escape.h"
#include "pipeline/store/run_reader.h"
#include "rollout/mixed_prompts.h"

namespace r1 {
namespace {

constexpr char kRightShare[] = "pass@1";
constexpr int kQuestions = 3;

bool IsShare(absl::string_view column) {
  if (absl::StrContains(column, "reward/"))
    return false;  // a rule's, of any range
  const absl::string_view name = column.substr(column.rfind('/') + 1);
  return name == kRightShare || name == "format";
}

// "countdown/" in front of the metrics of a task; nothing where it is the only
// one.
std::string PrefixOf(const StageConfig& compare, int task) {
  return compare.task_size() == 1
             ? ""
             : absl::StrCat(compare.task(task).name(), "/");
}

// Whether a metric is a share in every evaluation; counts would make the table
// too wide for a terminal.
bool IsShareEverywhere(const std::string& name,
                       const std::vector<EvalRow>& evals) {
  return absl::c_all_of(evals, [&](const EvalRow& eval) {
    const double value = MetricOr(eval.metrics, name, 0);
    return value >= 0 && value <= 1;
  });
}

// Of the first task's metrics, those that are no verdict on an answer: name in
// run.db, and as people read it.
std::vector<std::pair<std::string, std::string>> ManyMetrics(
    const std::string& prefix, const std::vector<EvalRow>& evals) {
  const auto readable = [](absl::string_view name) {
    return absl::StrReplaceAll(name.substr(name.rfind('/') + 1), {{"_", " "}});
  };
  std::vector<std::pair<std::string, std::string>> found;
  for (const absl::string_view kind :
       {"format", "reward/rule/", "reward/metric/", "mean_length"}) {
    const std::string wanted = absl::StrCat(prefix, kind);
    for (const EvalRow& eval : evals) {
      for (const auto& [name, value] : eval.metrics) {
        const bool is_kind = absl::EndsWith(kind, "/")
                                 ? absl::StartsWith(name, wanted)
                                 : name == wanted;
        const bool is_measured = absl::StartsWith(kind, "reward/metric/");
        if (is_measured && !IsShareEverywhere(name, evals)) continue;
        const bool is_known = absl::c_any_of(
            found, [&n = name](const auto& f) { return f.first == n; });
        if (is_kind && !is_known) found.emplace_back(name, readable(name));
      }
    }
  }
  return found;
}

}  // namespace

absl::StatusOr<StageTable> ReadStageTable(const std::string& run_dir,
                                          const StageConfig& compare) {
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run_dir, compare.name()));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  StageTable table;
  const auto add = [&](std::string name, std::string label) {
    table.columns.push_back(std::move(name));
    table.labels.push_back(std::move(label));
  };
  for (int t = 0; t < compare.task_size(); ++t) {
    add(absl::StrCat(PrefixOf(compare, t), kRightShare),
        compare.task(t).name());
  }
  for (auto& [name, label] : ManyMetrics(PrefixOf(compare, 0), evals)) {
    add(std::move(name), std::move(label));
  }
  for (const EvalRow& eval : evals) {
    if (eval.step < 1 || eval.step > compare.compare().stage_size()) continue;
    StageTable::Row& row = table.rows.emplace_back();
    row.stage = compare.compare().stage(static_cast<int>(eval.step) - 1);
    for (const std::string& column : table.columns) {
      row.values.push_back(MetricOr(eval.metrics, column,
                                    std::numeric_limits<double>::quiet_NaN()));
    }
  }
  return table;
}

std::string FormatTableValue(const std::string& column, double value) {
  if (std::isnan(value)) return "-";
  if (IsShare(column)) return absl::StrFormat("%.1f", 100 * value);
  return absl::StrFormat(
      absl::EndsWith(column, "mean_length") ? "%.1f" : "%.3f", value);
}

std::string TableUnit(const std::string& column) {
  return IsShare(column) ? "%" : "";
}

std::string RenderStageTable(const StageTable& table,
                             const std::string& indent) {
  if (table.rows.empty()) return "";
  size_t name_width = 5;
  for (const StageTable::Row& row : table.rows) {
    name_width = std::max(name_width, row.stage.size());
  }
  // Labels of two words take two lines, so that a row fits a terminal.
  std::vector<std::pair<std::string, std::string>> heads;
  std::vector<int> widths;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    std::pair<std::string, std::string> head =
        absl::StrSplit(VisibleLine(table.labels[c]), absl::MaxSplits(' ', 1));
    if (head.second.empty()) {
      head.second = TableUnit(table.columns[c]);
    }
    int width = std::max(DisplayWidth(head.first), DisplayWidth(head.second));
    for (const StageTable::Row& row : table.rows) {
      width = std::max(width, DisplayWidth(FormatTableValue(table.columns[c],
                                                            row.values[c])));
    }
    heads.push_back(std::move(head));
    widths.push_back(width + 2);
  }
  std::string text;
  const auto line = [&](const std::string& name, const auto& cell) {
    std::string row = absl::StrFormat("%-*s", name_width, name);
    for (size_t c = 0; c < table.columns.size(); ++c) {
      row += PadLeft(cell(c), widths[c]);
    }
    absl::StrAppend(&text, indent, absl::StripTrailingAsciiWhitespace(row),
                    "\n");
  };
  line("stage", [&](size_t c) { return heads[c].first; });
  line("", [&](size_t c) { return heads[c].second; });
  for (const StageTable::Row& row : table.rows) {
    line(row.stage, [&](size_t c) {
      return FormatTableValue(table.columns[c], row.values[c]);
    });
  }
  return text;
}

absl::StatusOr<std::string> RenderStageAnswers(const std::string& run_dir,
                                               const StageConfig& compare,
                                               const std::string& indent) {
  R1_ASSIGN_OR_RETURN(const RunReader reader,
                      RunReader::Open(run_dir, compare.name()));
  R1_ASSIGN_OR_RETURN(const std::vector<EvalRow> evals, reader.Evals());
  struct Answered {
    EvalSample question;
    std::string answers;
  };
  // The first problem of each task, and the next ones of the first.
  std::vector<Answered> shown;
  std::vector<size_t> per_task(compare.task_size(), 0);
  constexpr int64_t kAll = -1;
  for (const EvalRow& eval : evals) {
    R1_ASSIGN_OR_RETURN(const std::vector<EvalSample> samples,
                        reader.EvalSamples(eval.step, kAll));
    const bool is_first = &eval == &evals.front();
    const size_t tasks = std::min(compare.task_size(), kQuestions);
    for (const EvalSample& sample : samples) {
      if (sample.sample_index != 0) continue;
      const size_t task = TaskOfHeldOut(sample.prompt_id);
      const size_t quota = task == 0 ? kQuestions - tasks + 1 : 1;
      if (is_first && task < tasks && per_task[task] < quota) {
        ++per_task[task];
        shown.push_back({sample, ""});
      }
      for (Answered& answered : shown) {
        if (answered.question.prompt_id != sample.prompt_id) continue;
        absl::StrAppend(&answered.answers,
                        RenderAnswer(compare.compare().stage(
                                         static_cast<int>(eval.step) - 1),
                                     sample, indent));
      }
    }
  }
  std::string text;
  for (const Answered& answered : shown) {
    absl::StrAppend(&text, "\n", indent,
                    VisibleLine(answered.question.question), "\n",
                    answered.answers);
  }
  return text;
}

}  // namespace r1
