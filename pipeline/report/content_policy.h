// What a page of this room may do in a browser: use its own style and script.
#ifndef R1_PIPELINE_REPORT_CONTENT_POLICY_H_
#define R1_PIPELINE_REPORT_CONTENT_POLICY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// A Content-Security-Policy under which only the inline style and script with
// these contents take effect, and nothing is ever fetched. An empty script:
// none runs.
std::string ContentSecurityPolicy(absl::string_view style,
                                  absl::string_view script);

}  // namespace r1

#endif  // R1_PIPELINE_REPORT_CONTENT_POLICY_H_
