// The servers behind one client: which of them are there, and which gets the
// next call.
#ifndef R1_REWARD_SERVICE_SERVERS_H_
#define R1_REWARD_SERVICE_SERVERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpcpp/support/status.h"

namespace r1 {

struct RewardRetryOptions {
  // Longest time without an answer from any server before the client gives up.
  absl::Duration max_outage = absl::Seconds(60);
  // Pause before the first retry; it doubles up to the second value, and each
  // is cut at random by up to a half.
  absl::Duration first_retry = absl::Milliseconds(50);
  absl::Duration max_retry = absl::Seconds(2);
};

// A server that does not answer is away: it gets no samples, only a probe after
// each pause, until it answers one. A busy server pauses, too, but is there.
// Servers go by their index. Logs what becomes of them.
// Threads: none of its own; a client guards it.
class RewardServers {
 public:
  // Names are for messages; one or more.
  RewardServers(std::vector<std::string> names,
                const RewardRetryOptions& options);

  int size() const { return static_cast<int>(servers_.size()); }
  const std::string& name(int s) const { return servers_[s].name; }
  std::string AllNames() const;

  // Of the servers that are there, do not pause at `now` and have less than
  // max_calls under way, the one with the fewest; the first of equals. -1:
  // none.
  int ForSamples(int max_calls, absl::Time now) const;
  // The first server that is away, does not pause and is not being probed; -1.
  int ForProbe(absl::Time now) const;
  bool is_away(int s) const { return servers_[s].is_away; }
  absl::Time pause_end(int s) const { return servers_[s].pause_end; }
  // The next end of a pause after `now`.
  absl::Time NextPauseEnd(absl::Time now) const;

  // Each call that begins, ends.
  void Begin(int s) { ++servers_[s].num_calls; }
  void End(int s) { --servers_[s].num_calls; }

  // What a call said of its server.
  void NoteAnswer(int s);
  void NoteBusy(int s, const grpc::Status& status);
  // Errors: Unavailable once no server has answered for max_outage.
  absl::Status NoteAway(int s, const grpc::Status& status);

  // Pauses so far.
  int64_t num_retries() const { return num_retries_; }

 private:
  struct Server {
    std::string name;
    int num_calls = 0;
    bool is_away = false;
    absl::Time away_since = absl::InfinitePast();
    absl::Time pause_end = absl::InfinitePast();
    int retries = 0;  // since the last answer
    absl::Time busy_logged = absl::InfinitePast();
  };

  // Sets the pause and returns it.
  absl::Duration Pause(Server* server, absl::Time now, absl::Duration longest);
  bool AllAreAway() const;

  const RewardRetryOptions options_;
  std::vector<Server> servers_;
  // Since when all have been away.
  std::optional<absl::Time> silence_start_;
  int64_t num_retries_ = 0;
  // For pauses only; no result depends on it.
  absl::BitGen jitter_;
};

}  // namespace r1

#endif  // R1_REWARD_SERVICE_SERVERS_H_
