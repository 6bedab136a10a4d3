// What a plugin's process is started from.
#ifndef R1_REWARD_PLUGIN_PLUGIN_IMAGE_H_
#define R1_REWARD_PLUGIN_PLUGIN_IMAGE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "reward/core/options.h"
#include "reward/plugin/child_process.h"
#include "reward/plugin/messages.h"
#include "reward/plugin/plugin_spec.h"

namespace r1 {

// The plugin's files as they were at one moment. Threads: one.
class PluginImage {
 public:
  // Errors: those of reading the library.
  static absl::StatusOr<std::unique_ptr<PluginImage>> Load(
      const PluginSpec& spec, const RuleOptions& options);
  ~PluginImage();

  // A process that has said hello, and its description, whose version ends
  // with the hash of the files. What it logs meanwhile is passed on.
  // Errors: InvalidArgument for what the plugin says against the options;
  // FailedPrecondition if it ends or says nothing within 30 s; as ChildProcess.
  absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      PluginDescription* description) const;

  // Whether the files are not what they were, by their contents; false if they
  // cannot be read just now. Cheap while their times are the same.
  bool HasChanged();

 private:
  PluginImage(PluginSpec spec, RuleOptions options)
      : spec_(std::move(spec)), options_(std::move(options)) {}

  const PluginSpec spec_;
  const RuleOptions options_;
  std::string hash_;
  std::string stamp_;  // sizes and times of the files
  int library_ = -1;   // a copy of it in memory
};

// Logs what a plugin printed.
void LogPluginLines(const std::string& plugin, std::vector<std::string>* lines);

}  // namespace r1

#endif  // R1_REWARD_PLUGIN_PLUGIN_IMAGE_H_
