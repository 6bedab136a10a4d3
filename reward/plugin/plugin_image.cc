#include "reward/plugin/plugin_image.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "reward/core/text.h"
#include "reward/plugin/host/library_fd.h"
#include "reward/sandbox/embed_file.h"

// The program that loads a library with a reward (host/host_main.cc).
R1_EMBED_FILE(r1_reward_host, R1_REWARD_HOST_FILE);

namespace r1 {
namespace {

// How long a process may take to say what it is; interpreters load libraries.
constexpr absl::Duration kHelloLimit = absl::Seconds(30);
// Most of a line of its own that is shown: the reason may stand at the end.
constexpr size_t kMaxShownBytes = 400;

int HostFile() {
  static const int file =
      SealedFile("r1-reward-host", R1_EMBEDDED(r1_reward_host));
  return file;
}

std::string StampOf(const PluginSpec& spec) {
  std::string stamp;
  for (const std::string& file : PluginFiles(spec)) {
    struct stat info;
    if (::stat(file.c_str(), &info) != 0) continue;
    absl::StrAppend(&stamp, file, " ", info.st_ino, " ", info.st_size, " ",
                    info.st_mtim.tv_sec, ".", info.st_mtim.tv_nsec, "\n");
  }
  return stamp;
}

absl::Status NoMemory() {
  return absl::ResourceExhaustedError(
      "no memory for a copy of its library or of the program that runs it");
}

}  // namespace

absl::StatusOr<std::unique_ptr<PluginImage>> PluginImage::Load(
    const PluginSpec& spec, const RuleOptions& options) {
  std::unique_ptr<PluginImage> image(new PluginImage(spec, options));
  image->stamp_ = StampOf(spec);
  R1_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                      ReadPluginFiles(spec));
  image->hash_ = PluginHash(files);
  if (HostFile() < 0) return NoMemory();
  if (spec.carrier == PluginCarrier::kLibrary) {
    image->library_ = SealedFile("r1-reward-library", files[0]);
    if (image->library_ < 0) return NoMemory();
  }
  return image;
}

PluginImage::~PluginImage() {
  if (library_ >= 0) ::close(library_);
}

absl::StatusOr<std::unique_ptr<ChildProcess>> PluginImage::Start(
    PluginDescription* description) const {
  ChildCommand command;
  command.program_fd = HostFile();
  if (spec_.carrier == PluginCarrier::kLibrary) {
    command.argv = {"r1-reward-host", spec_.target};
    command.extra_fd = library_;
  } else {
    command.argv = {"r1-reward-host", "--", "/bin/sh", "-c", spec_.target};
  }
  BlockBrokenPipe();
  R1_ASSIGN_OR_RETURN(std::unique_ptr<ChildProcess> child,
                      ChildProcess::Start(command));
  child->Write(HelloLine(options_));
  const absl::Time deadline = absl::Now() + kHelloLimit;
  std::vector<std::string> output, errors;
  std::string last_error;
  while (!child->has_ended() && absl::Now() < deadline) {
    child->Exchange(deadline, -1, &output, &errors);
    if (!errors.empty()) last_error = errors.back();
    LogPluginLines(spec_.name, &errors);
    std::vector<std::string> noise;
    while (!output.empty() && !IsDescription(output[0])) {
      noise.push_back(std::move(output[0]));
      output.erase(output.begin());
    }
    LogPluginLines(spec_.name, &noise);
    if (output.empty()) continue;
    R1_ASSIGN_OR_RETURN(*description, ParseDescription(output[0]));
    if (!description->version.empty() && !hash_.empty()) {
      description->version += "+";
    }
    description->version += hash_;
    return child;
  }
  const std::string end = child->Stop(
      child->has_ended() ? ""
                         : absl::StrCat("said nothing for ",
                                        absl::FormatDuration(kHelloLimit)));
  return absl::FailedPreconditionError(absl::StrCat(
      end, " before it said what it is",
      last_error.empty()
          ? ""
          : absl::StrCat("; it printed \"", Excerpt(last_error, kMaxShownBytes),
                         "\"")));
}

bool PluginImage::HasChanged() {
  const std::string stamp = StampOf(spec_);
  if (stamp == stamp_) return false;
  const auto files = ReadPluginFiles(spec_);
  if (!files.ok()) return false;  // being written: at the next step
  const bool has_changed = PluginHash(*files) != hash_;
  if (!has_changed) stamp_ = stamp;
  return has_changed;
}

void LogPluginLines(const std::string& plugin,
                    std::vector<std::string>* lines) {
  for (const std::string& line : *lines) {
    LogInfo(
        absl::StrCat("plugin ", plugin, ": ", Excerpt(line, kMaxShownBytes)));
  }
  lines->clear();
}

}  // namespace r1
