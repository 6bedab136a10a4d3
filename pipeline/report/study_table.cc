#include "pipeline/report/study_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "pipeline/screen/escape.h"

namespace r1 {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Where `name` stands in `names`, at whose end it is put if it is new.
size_t PlaceOf(const std::string& name, std::vector<std::string>* names) {
  const auto found = std::find(names->begin(), names->end(), name);
  if (found != names->end()) return found - names->begin();
  names->push_back(name);
  return names->size() - 1;
}

// The columns `first` to before `last` of the table, as lines.
std::string RenderBlock(const std::vector<std::vector<std::string>>& lines,
                        const std::vector<int>& widths, size_t first,
                        size_t last) {
  std::string text;
  for (const std::vector<std::string>& cells : lines) {
    absl::StrAppend(&text, "  ", PadRight(cells[0], widths[0]));
    for (size_t c = first; c < last; ++c) {
      absl::StrAppend(&text, "  ", PadLeft(cells[c], widths[c]));
    }
    text += '\n';
  }
  return text;
}

// What rules measure is a column of a run's table only if it is a share there
// (stage_table.h); a mean over the seeds where it happens to be one would be a
// choice by value.
void DropPartlyMeasured(StudyTable* table) {
  for (size_t c = table->columns.size(); c-- > 0;) {
    if (!absl::StrContains(table->columns[c], "reward/metric/")) continue;
    const bool is_partial = absl::c_any_of(table->rows, [&](const auto& row) {
      const int known = SpreadOf(row.values[c]).n;
      return known > 0 && known < table->n;
    });
    if (!is_partial) continue;
    table->columns.erase(table->columns.begin() + c);
    table->labels.erase(table->labels.begin() + c);
    for (StudyTable::Row& row : table->rows) {
      row.values.erase(row.values.begin() + c);
    }
  }
}

}  // namespace

Spread SpreadOf(absl::Span<const double> values) {
  Spread spread;
  double sum = 0, squares = 0;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    ++spread.n;
    sum += value;
  }
  spread.mean = spread.n > 0 ? sum / spread.n : kMissing;
  for (const double value : values) {
    if (std::isnan(value)) continue;
    squares += (value - spread.mean) * (value - spread.mean);
  }
  spread.sd = spread.n > 1 ? std::sqrt(squares / (spread.n - 1)) : kMissing;
  return spread;
}

StudyTable MergeStageTables(
    const std::string& stage, const std::vector<uint64_t>& seeds,
    const std::vector<std::optional<StageTable>>& tables) {
  StudyTable merged;
  merged.stage = stage;
  merged.seeds = seeds;
  std::vector<std::string> stages;
  for (const auto& table : tables) {
    if (!table.has_value()) continue;
    ++merged.n;
    for (size_t c = 0; c < table->columns.size(); ++c) {
      const size_t column = PlaceOf(table->columns[c], &merged.columns);
      if (column == merged.labels.size()) {
        merged.labels.push_back(table->labels[c]);
      }
    }
    for (const StageTable::Row& row : table->rows) PlaceOf(row.stage, &stages);
  }
  for (const std::string& name : stages) {
    merged.rows.push_back(
        {name, std::vector<std::vector<double>>(
                   merged.columns.size(),
                   std::vector<double>(seeds.size(), kMissing))});
  }
  for (size_t s = 0; s < tables.size(); ++s) {
    if (!tables[s].has_value()) continue;
    for (const StageTable::Row& row : tables[s]->rows) {
      auto& values = merged.rows[PlaceOf(row.stage, &stages)].values;
      for (size_t c = 0; c < row.values.size(); ++c) {
        values[PlaceOf(tables[s]->columns[c], &merged.columns)][s] =
            row.values[c];
      }
    }
  }
  DropPartlyMeasured(&merged);
  return merged;
}

std::string FormatSpread(const std::string& column, const Spread& spread,
                         int n) {
  std::string text = FormatTableValue(column, spread.mean);
  if (spread.n > 1) {
    absl::StrAppend(&text, " ± ", FormatTableValue(column, spread.sd));
  }
  if (spread.n > 0 && spread.n < n) {
    absl::StrAppend(&text, " (n ", spread.n, ")");
  }
  return text;
}

std::string ColumnHead(const StudyTable& table, size_t column) {
  const std::string unit = TableUnit(table.columns[column]);
  return absl::StrCat(table.labels[column], unit.empty() ? "" : " ", unit);
}

std::string RenderStudyTable(const StudyTable& table) {
  constexpr int kColumns = 80;
  std::vector<std::vector<std::string>> lines = {{"stage"}};
  for (size_t c = 0; c < table.columns.size(); ++c) {
    lines[0].push_back(VisibleLine(ColumnHead(table, c)));
  }
  for (const StudyTable::Row& row : table.rows) {
    lines.push_back({VisibleLine(row.stage)});
    for (size_t c = 0; c < table.columns.size(); ++c) {
      lines.back().push_back(
          FormatSpread(table.columns[c], SpreadOf(row.values[c]), table.n));
    }
  }
  std::vector<int> widths(lines[0].size(), 0);
  for (const auto& cells : lines) {
    for (size_t c = 0; c < cells.size(); ++c) {
      widths[c] = std::max(widths[c], DisplayWidth(cells[c]));
    }
  }
  std::string text;
  for (size_t first = 1, last; first < widths.size(); first = last) {
    int width = 2 + widths[0];
    for (last = first; last < widths.size(); ++last) {
      width += 2 + widths[last];
      if (width > kColumns && last > first) break;
    }
    absl::StrAppend(&text, first > 1 ? "\n" : "",
                    RenderBlock(lines, widths, first, last));
  }
  return text;
}

}  // namespace r1
