#include "reward/service/servers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "reward/service/channel.h"

namespace r1 {
namespace {

// A server that stays busy is named so often.
constexpr absl::Duration kBusyLogInterval = absl::Seconds(30);

}  // namespace

RewardServers::RewardServers(std::vector<std::string> names,
                             const RewardRetryOptions& options)
    : options_(options) {
  for (std::string& name : names) servers_.emplace_back().name = name;
}

std::string RewardServers::AllNames() const {
  return absl::StrJoin(
      servers_, ", ",
      [](std::string* out, const Server& server) { out->append(server.name); });
}

int RewardServers::ForSamples(int max_calls, absl::Time now) const {
  int best = -1;
  for (int s = 0; s < size(); ++s) {
    const Server& server = servers_[s];
    if (server.is_away || server.pause_end > now ||
        server.num_calls >= max_calls) {
      continue;
    }
    if (best < 0 || server.num_calls < servers_[best].num_calls) best = s;
  }
  return best;
}

int RewardServers::ForProbe(absl::Time now) const {
  for (int s = 0; s < size(); ++s) {
    const Server& server = servers_[s];
    if (server.is_away && server.pause_end <= now && server.num_calls == 0) {
      return s;
    }
  }
  return -1;
}

absl::Time RewardServers::NextPauseEnd(absl::Time now) const {
  absl::Time next = absl::InfiniteFuture();
  for (const Server& server : servers_) {
    if (server.pause_end > now) next = std::min(next, server.pause_end);
  }
  return next;
}

void RewardServers::NoteAnswer(int s) {
  Server& server = servers_[s];
  if (server.is_away) {
    LogInfo(
        absl::StrCat("reward server ", server.name, " answers again after ",
                     absl::ToInt64Milliseconds(absl::Now() - server.away_since),
                     " ms and ", server.retries, " retries"));
  }
  server.is_away = false;
  server.retries = 0;
  server.pause_end = absl::InfinitePast();
  silence_start_.reset();
}

void RewardServers::NoteBusy(int s, const grpc::Status& status) {
  Server& server = servers_[s];
  const int retries = server.retries;
  const absl::Time now = absl::Now();
  const absl::Time pause_end = server.pause_end;
  NoteAnswer(s);
  server.retries = retries;
  server.pause_end = pause_end;
  if (now < pause_end) return;  // several calls were refused together
  const absl::Duration pause = Pause(&server, now, options_.max_retry);
  if (now - server.busy_logged < kBusyLogInterval) return;
  server.busy_logged = now;
  LogInfo(absl::StrCat("reward server ", server.name, " is busy, trying again ",
                       "in ", absl::ToInt64Milliseconds(pause),
                       " ms: ", status.error_message()));
}

absl::Status RewardServers::NoteAway(int s, const grpc::Status& status) {
  Server& server = servers_[s];
  const absl::Time now = absl::Now();
  if (!server.is_away) {
    server.is_away = true;
    server.away_since = now;
    server.retries = 0;
    server.pause_end = absl::InfinitePast();
  }
  const std::string why = FromGrpc(status).ToString();
  absl::Duration left = absl::InfiniteDuration();
  if (AllAreAway()) {
    if (!silence_start_.has_value()) silence_start_ = now;
    left = *silence_start_ + options_.max_outage - now;
  }
  if (now < server.pause_end) {
    return absl::OkStatus();  // several calls failed together
  }
  if (left <= absl::ZeroDuration()) {
    const bool is_one = size() == 1;
    return absl::UnavailableError(absl::StrCat(
        is_one ? "reward server " : "none of the reward servers ", AllNames(),
        is_one ? " has not" : " has", " answered for ",
        absl::FormatDuration(options_.max_outage), " (", num_retries_,
        " retries); last", is_one ? "" : absl::StrCat(", of ", server.name),
        ": ", why, "; check that ", is_one ? "it runs" : "they run",
        " and can be reached, then start this run again"));
  }
  const absl::Duration pause = Pause(&server, now, left);
  LogWarning(absl::StrCat(
      "reward server ", server.name, " does not answer, retry ", server.retries,
      " in ", absl::ToInt64Milliseconds(pause), " ms, ",
      left == absl::InfiniteDuration()
          ? "the others go on"
          : absl::StrCat("giving up in ", absl::ToInt64Seconds(left), " s"),
      ": ", why));
  return absl::OkStatus();
}

absl::Duration RewardServers::Pause(Server* server, absl::Time now,
                                    absl::Duration longest) {
  absl::Duration pause = options_.first_retry;
  for (int i = 0; i < server->retries && pause < options_.max_retry; ++i) {
    pause *= 2;
  }
  pause =
      std::min(pause, options_.max_retry) * absl::Uniform(jitter_, 0.5, 1.0);
  pause = std::min(pause, longest);
  ++server->retries;
  ++num_retries_;
  server->pause_end = now + pause;
  return pause;
}

bool RewardServers::AllAreAway() const {
  return std::all_of(servers_.begin(), servers_.end(),
                     [](const Server& server) { return server.is_away; });
}

}  // namespace r1
