// What a stage that compares models found with several seeds: mean and spread.
#ifndef R1_PIPELINE_REPORT_STUDY_TABLE_H_
#define R1_PIPELINE_REPORT_STUDY_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "pipeline/report/stage_table.h"

namespace r1 {

// The values that are there of a metric, NaN being none.
struct Spread {
  int n = 0;
  double mean = 0;  // NaN without a value
  double sd = 0;    // of the sample, by n - 1; NaN of less than two values
};
Spread SpreadOf(absl::Span<const double> values);

// The tables of one compare stage, one of each seed.
struct StudyTable {
  std::string stage;                 // the one that compares
  std::vector<uint64_t> seeds;       // S
  int n = 0;                         // how many of them have got there
  std::vector<std::string> columns;  // metrics, C
  std::vector<std::string> labels;   // the same as people read them
  struct Row {
    std::string stage;
    std::vector<std::vector<double>> values;  // [C][S]; NaN: none
  };
  std::vector<Row> rows;
};

// `tables` are those of `seeds`, in their order; none of a seed that has not
// got there. Rows and columns are matched by name.
StudyTable MergeStageTables(
    const std::string& stage, const std::vector<uint64_t>& seeds,
    const std::vector<std::optional<StageTable>>& tables);

// "34.1 ± 2.1" in a column of this metric; without a spread where there is one
// value, with "(n 2)" where that is not the table's `n`, "-" without any.
std::string FormatSpread(const std::string& column, const Spread& spread,
                         int n);

// The column as people read it, with its unit: "countdown %".
std::string ColumnHead(const StudyTable& table, size_t column);

// For a terminal: a line for each stage, in blocks of as many columns as fit.
std::string RenderStudyTable(const StudyTable& table);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_STUDY_TABLE_H_
