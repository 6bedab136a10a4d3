#include "pipeline/report/content_policy.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace r1 {
namespace {

// 'sha256-...' of an inline style or script, as the policy names it.
std::string PolicyHash(absl::string_view content) {
  return absl::StrCat(
      "'sha256-",
      absl::Base64Escape(absl::HexStringToBytes(Sha256Hex(content))), "'");
}

}  // namespace

std::string ContentSecurityPolicy(absl::string_view style,
                                  absl::string_view script) {
  std::string policy =
      absl::StrCat("default-src 'none'; style-src ", PolicyHash(style));
  if (!script.empty()) {
    absl::StrAppend(&policy, "; script-src ", PolicyHash(script));
  }
  return absl::StrCat(policy, "; base-uri 'none'; form-action 'none'");
}

}  // namespace r1
