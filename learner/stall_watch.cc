#include "learner/stall_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace r1 {

StallWatch::StallWatch(const Patience& patience, std::string what)
    : patience_(patience),
      what_(std::move(what)),
      last_progress_(patience.now()),
      next_warning_(last_progress_ + patience.before_warning) {}

void StallWatch::NoteProgress() { last_progress_ = patience_.now(); }

absl::Status StallWatch::CheckNotStopped() const {
  if (!patience_.should_stop || !patience_.should_stop()) {
    return absl::OkStatus();
  }
  return absl::CancelledError(absl::StrCat(what_, ": stopped while waiting"));
}

absl::Status StallWatch::NoteTimeout(const absl::Status& timeout,
                                     absl::Time deadline,
                                     const std::vector<WorkerStatus>& workers) {
  if (!absl::IsDeadlineExceeded(timeout)) return timeout;
  uint64_t worker_tokens = 0;
  for (const WorkerStatus& worker : workers) {
    worker_tokens += worker.tokens_generated;
  }
  const absl::Time now = patience_.now();
  // Later than the deadline this process stood still (Ctrl-Z, a sleeping
  // machine): it did not wait.
  last_progress_ += std::max(absl::ZeroDuration(), now - deadline);
  if (worker_tokens != worker_tokens_) last_progress_ = now;
  worker_tokens_ = worker_tokens;
  const absl::Duration silence = now - last_progress_;
  const std::string message =
      absl::StrCat(what_, ": nothing for ",
                   absl::FormatDuration(absl::Trunc(silence, absl::Seconds(1))),
                   "; ", timeout.message());
  if (silence > patience_.before_giving_up) {
    return absl::UnavailableError(
        absl::StrCat(message, ". What has finished is recorded: run the same ",
                     "command again to go on"));
  }
  if (silence < patience_.before_warning) {
    next_warning_ = now;
  } else if (now >= next_warning_) {
    next_warning_ = now + patience_.before_warning;
    LogWarning(message);
  }
  return absl::OkStatus();
}

}  // namespace r1
