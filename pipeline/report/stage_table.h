// The table of a comparison, for people: a row per stage, a column per task and
// metric.
#ifndef R1_PIPELINE_REPORT_STAGE_TABLE_H_
#define R1_PIPELINE_REPORT_STAGE_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/store/run_store.h"
#include "proto/config.pb.h"

namespace r1 {

struct StageTable {
  // Names of metrics, as run.db has them: first pass@1 of each task, then of
  // the first task format, the scores of rules measured, what else they
  // measured if it is a share, and the mean length in tokens.
  std::vector<std::string> columns;
  // The columns as people read them: "countdown", "format", "language".
  std::vector<std::string> labels;
  struct Row {
    std::string stage;
    std::vector<double> values;  // by column; NaN where there is none
  };
  std::vector<Row> rows;
};

// What the stage `compare` (of kind compare) has recorded so far in the run
// folder `run_dir`; without rows if it has not begun.
// Errors: those of RunReader.
absl::StatusOr<StageTable> ReadStageTable(const std::string& run_dir,
                                          const StageConfig& compare);

// The value as it stands in its column: "71.2" of a share, whose unit is %,
// "83.1" tokens, "-" for NaN.
std::string FormatTableValue(const std::string& column, double value);

// "%" for a column of shares, else empty: stands in the column's head.
std::string TableUnit(const std::string& column);

// As lines of text, each ending with a newline; `indent` stands before each.
std::string RenderStageTable(const StageTable& table,
                             const std::string& indent);

// The same questions answered by every stage: of each of the first tasks one,
// three in all, with the first answer of each stage. Text is made visible.
// Errors: those of RunReader.
absl::StatusOr<std::string> RenderStageAnswers(const std::string& run_dir,
                                               const StageConfig& compare,
                                               const std::string& indent);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_STAGE_TABLE_H_
