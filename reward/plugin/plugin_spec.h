// How a configuration names a plugin.
#ifndef R1_REWARD_PLUGIN_PLUGIN_SPEC_H_
#define R1_REWARD_PLUGIN_PLUGIN_SPEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace r1 {

enum class PluginCarrier {
  kLibrary,  // a shared object with the C ABI of <r1/reward_abi.h>
  kCommand,  // a command for /bin/sh that speaks JSON lines (messages.h)
  kServer,   // a gRPC server that speaks proto/reward.proto
};

struct PluginSpec {
  std::string name;  // of the rule
  PluginCarrier carrier = PluginCarrier::kCommand;
  std::string target;  // path, command, or HOST:PORT
};

// "NAME=TARGET": a target that ends in ".so" is a library, one that begins with
// "grpc:" a server, any other a command.
// Errors: InvalidArgument for a name that no rule can have, or no target.
absl::StatusOr<PluginSpec> ParsePluginSpec(absl::string_view text);

// The files that a plugin is made of, as far as its target names them: the
// library, or the words of the command that are regular files.
std::vector<std::string> PluginFiles(const PluginSpec& spec);

// Their contents. Errors: as base/file.h, for one that cannot be read.
absl::StatusOr<std::vector<std::string>> ReadPluginFiles(
    const PluginSpec& spec);

// The first 12 hex digits of the SHA-256 of such contents; empty without files.
std::string PluginHash(const std::vector<std::string>& contents);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_PLUGIN_SPEC_H_
