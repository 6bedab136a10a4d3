// The report's browser of samples: which ones it shows, and how.
#ifndef R1_PIPELINE_REPORT_REPORT_SAMPLES_H_
#define R1_PIPELINE_REPORT_REPORT_SAMPLES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "model/tokenizer.h"
#include "pipeline/report/report_json.h"
#include "pipeline/store/run_reader.h"

namespace r1 {

// Bytes of sample text and shading that a report may hold, those of all its
// stages together.
inline constexpr int64_t kReportSampleBytes = int64_t{5} << 19;  // 2.5 MiB

// One sample with its reward. `tokenizer` may be null: then tokens are not
// shaded.
ReportJson MakeReportSample(const SampleView& view, const Tokenizer* tokenizer);

// What became of each of one step's samples; empty if that is not known.
using FatesOf =
    std::function<std::vector<std::string>(const std::vector<SampleView>&)>;

// Fills "steps" and "samples_note" of a stage's section, if it has samples: the
// newest and the oldest step and those evenly between. Each gets an equal share
// of `size_bytes`, and at least its first group. `fates` may be null.
absl::Status AddReportSamples(const RunReader& reader,
                              const Tokenizer* tokenizer, const FatesOf& fates,
                              int64_t size_bytes, ReportJson* section);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_SAMPLES_H_
