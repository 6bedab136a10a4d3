#include "pipeline/report/report_json.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "pipeline/screen/escape.h"

namespace r1 {

ReportJson ReportNumber(double value) {
  return std::isfinite(value) ? ReportJson(value) : ReportJson(nullptr);
}

std::string ReportText(absl::string_view text) {
  if (text.size() <= kReportTextBytes) return VisibleText(text);
  return absl::StrCat(VisibleText(text.substr(0, kReportTextBytes)), "\n… (",
                      text.size() - kReportTextBytes, " more bytes)");
}

}  // namespace r1
