// Loads, checks and prints the configuration of a run. Format and error
// messages: proto/README.md.
#ifndef R1_PROTO_CONFIG_H_
#define R1_PROTO_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/config.pb.h"

namespace r1 {

// The configuration in the text-proto file `path`, changed by `overrides` in
// their order ("rl.steps=10", the arguments of --set). Every key of the result
// is present: what nobody gave has its default.
// Errors: InvalidArgument with one line per mistake, all mistakes at once:
//   FILE:LINE: key: what is wrong: expected ..., got ...; did you mean "x"?
// For an override "--set key=value" stands in place of FILE:LINE. The codes of
// ReadFile (base/file.h) if the file cannot be read.
absl::StatusOr<RunConfig> LoadConfig(const std::string& path,
                                     absl::Span<const std::string> overrides);

// The same for `text`; `name` stands in place of the file's name.
absl::StatusOr<RunConfig> ParseConfig(absl::string_view text,
                                      absl::string_view name,
                                      absl::Span<const std::string> overrides);

// Checks a configuration that was made in code: bounds of every key, and the
// rules between keys. Errors: as LoadConfig, without places.
absl::Status ValidateConfig(const RunConfig& config);

// The configuration as text with every key written out, defaults too, in the
// order of config.proto. ParseConfig gives back the same bits.
std::string ConfigToText(const RunConfig& config);

}  // namespace r1

#endif  // R1_PROTO_CONFIG_H_
