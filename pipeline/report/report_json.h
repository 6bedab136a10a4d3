// How numbers and text of a run enter the report's JSON.
#ifndef R1_PIPELINE_REPORT_REPORT_JSON_H_
#define R1_PIPELINE_REPORT_REPORT_JSON_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace r1 {

using ReportJson = nlohmann::ordered_json;

// Of one text that a model wrote; what is longer is cut.
inline constexpr size_t kReportTextBytes = 6000;

// The number; null if it is not finite, since JSON has neither NaN nor
// infinity.
ReportJson ReportNumber(double value);

// A model's text made visible (escape.h), cut where it is very long.
std::string ReportText(absl::string_view text);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_REPORT_JSON_H_
