// What the report shows, as the JSON that its script draws.
#ifndef R1_PIPELINE_REPORT_REPORT_DATA_H_
#define R1_PIPELINE_REPORT_REPORT_DATA_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "model/tokenizer.h"
#include "pipeline/store/run_reader.h"

namespace r1 {

// A JSON object with tiles, charts, evals, steps, answers and events; see
// report/page.js for its shape. All text is made visible (escape.h), so nothing
// in it can reorder or hide what the page shows. `tokenizer` may be null: then
// tokens are not shaded. `summary` is the content of summary.json, or empty.
absl::StatusOr<std::string> MakeReportData(const RunReader& reader,
                                           const Tokenizer* tokenizer,
                                           const std::string& summary);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_DATA_H_
