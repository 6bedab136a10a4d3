// The report's browser of samples: which ones it shows, and how.
#ifndef R1_PIPELINE_REPORT_REPORT_SAMPLES_H_
#define R1_PIPELINE_REPORT_REPORT_SAMPLES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "model/tokenizer.h"
#include "nlohmann/json.hpp"
#include "pipeline/store/run_reader.h"

namespace r1 {

using ReportJson = nlohmann::ordered_json;

// Bytes of sample text and shading that a report may hold; the newest and the
// oldest step and those evenly between are shown as far as it reaches.
inline constexpr int64_t kReportSampleBytes = int64_t{5} << 19;  // 2.5 MiB

// Fills "steps" and "samples_note". Each step gets an equal share of the
// bytes, and at least its first group. `tokenizer` may be null: then tokens
// are not shaded.
absl::Status AddReportSamples(const RunReader& reader,
                              const Tokenizer* tokenizer, ReportJson* data);

// The number; null if it is not finite, since JSON has neither NaN nor
// infinity.
ReportJson ReportNumber(double value);

// A model's text made visible, cut where it is very long.
std::string ReportText(absl::string_view text);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_SAMPLES_H_
