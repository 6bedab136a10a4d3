#include "reward/plugin/plugin_spec.h"

#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "reward/core/registry.h"
#include "reward/core/text.h"

namespace r1 {

absl::StatusOr<PluginSpec> ParsePluginSpec(absl::string_view text) {
  const size_t equals = text.find('=');
  PluginSpec spec;
  spec.name = std::string(text.substr(0, equals));
  if (equals == text.npos || !IsRuleName(spec.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "plugin \"", Excerpt(text),
        "\": expected NAME=TARGET, where the name has lower-case letters, "
        "digits and _, e.g. mine=./libmine.so, mine=python3 mine.py or "
        "mine=grpc:127.0.0.1:7000"));
  }
  absl::string_view target =
      absl::StripAsciiWhitespace(text.substr(equals + 1));
  if (absl::ConsumePrefix(&target, "grpc:")) {
    spec.carrier = PluginCarrier::kServer;
  } else if (absl::EndsWith(target, ".so") &&
             target.find_first_of(" \t") == target.npos) {
    spec.carrier = PluginCarrier::kLibrary;
  }
  spec.target = std::string(target);
  if (target.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("plugin \"", spec.name,
                     "\": expected a library, a command or grpc:HOST:PORT "
                     "after the =, got nothing"));
  }
  return spec;
}

std::vector<std::string> PluginFiles(const PluginSpec& spec) {
  if (spec.carrier == PluginCarrier::kLibrary) return {spec.target};
  if (spec.carrier == PluginCarrier::kServer) return {};
  std::vector<std::string> files;
  for (absl::string_view word :
       absl::StrSplit(spec.target, absl::ByAnyChar(" \t'\""))) {
    std::error_code error;
    if (std::filesystem::is_regular_file(std::string(word), error)) {
      files.emplace_back(word);
    }
  }
  return files;
}

absl::StatusOr<std::vector<std::string>> ReadPluginFiles(
    const PluginSpec& spec) {
  std::vector<std::string> contents;
  for (const std::string& file : PluginFiles(spec)) {
    R1_ASSIGN_OR_RETURN(contents.emplace_back(), ReadFile(file));
  }
  return contents;
}

std::string PluginHash(const std::vector<std::string>& contents) {
  if (contents.empty()) return "";
  Sha256 hash;
  for (const std::string& bytes : contents) {
    hash.Update(absl::StrCat(bytes.size(), ":"));
    hash.Update(bytes);
  }
  return hash.FinishHex().substr(0, 12);
}

}  // namespace r1
