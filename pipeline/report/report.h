// RUN/report.html: one file that shows a run, without network.
#ifndef R1_PIPELINE_REPORT_REPORT_H_
#define R1_PIPELINE_REPORT_REPORT_H_

#include <string>

#include "absl/status/status.h"

namespace r1 {

// Writes RUN/report.html from run.db and config.textproto. `summary` is the
// content of summary.json; empty while the run is not finished.
// Errors: of reading the run or writing the file.
absl::Status WriteReport(const std::string& run_dir,
                         const std::string& summary);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_H_
