#include "reward/sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/num_cores.h"
#include "base/status_macros.h"
#include "reward/sandbox/embed_file.h"

R1_EMBED_FILE(r1_zygote_library, R1_ZYGOTE_LIBRARY_FILE);
R1_EMBED_FILE(r1_zygote_script, R1_ZYGOTE_SCRIPT_FILE);

namespace r1 {
namespace {

constexpr int64_t kMaxMillis = 3600 * 1000;
constexpr int64_t kMaxMegabytes = 1 << 20;
constexpr int64_t kMaxProcesses = 4096;
constexpr int64_t kMaxOutputKilobytes = 256 << 10;

RunResult SandboxError(absl::string_view detail) {
  RunResult result;
  result.detail = std::string(detail);
  return result;
}

bool IsFileName(absl::string_view name) {
  if (name.empty() || name.size() > 64 || name[0] == '.') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

absl::Status CheckRange(const char* name, int64_t value, int64_t highest) {
  if (value >= 1 && value <= highest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "sandbox: ", name, " is ", value, ", expected 1 to ", highest));
}

absl::Status Check(const RunRequest& request) {
  const RunLimits& limits = request.limits;
  R1_RETURN_IF_ERROR(CheckRange("wall_ms", limits.wall_ms, kMaxMillis));
  R1_RETURN_IF_ERROR(CheckRange("cpu_ms", limits.cpu_ms, kMaxMillis));
  R1_RETURN_IF_ERROR(CheckRange("memory_mb", limits.memory_mb, kMaxMegabytes));
  R1_RETURN_IF_ERROR(CheckRange("processes", limits.processes, kMaxProcesses));
  R1_RETURN_IF_ERROR(
      CheckRange("output_kb", limits.output_kb, kMaxOutputKilobytes));
  R1_RETURN_IF_ERROR(CheckRange("disk_mb", limits.disk_mb, kMaxMegabytes));
  for (const RunFile& file : request.files) {
    if (!IsFileName(file.name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("sandbox: \"", file.name, "\" is no name for a file"));
    }
  }
  if (!request.fetch.empty() && !IsFileName(request.fetch)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sandbox: \"", request.fetch, "\" is no name for a file"));
  }
  if (!request.is_python &&
      (request.argv.empty() || request.argv[0][0] != '/')) {
    return absl::InvalidArgumentError(
        "sandbox: a program needs an absolute path");
  }
  return absl::OkStatus();
}

RunOrder OrderOf(const RunRequest& request) {
  RunOrder order;
  order.is_python = request.is_python;
  order.argv = request.argv;
  int64_t file_bytes = 0;
  for (const RunFile& file : request.files) {
    order.files.push_back({file.name, file.content});
    file_bytes += (file.content.size() + 4095) / 4096 * 4096;
  }
  order.standard_input = request.standard_input;
  order.fetch = request.fetch;
  order.fetch_bytes = request.fetch_mb << 20;
  order.wall_us = request.limits.wall_ms * 1000;
  order.cpu_us = request.limits.cpu_ms * 1000;
  // What the run is given is not its own use.
  order.memory_bytes = (request.limits.memory_mb << 20) + file_bytes;
  order.disk_bytes = (request.limits.disk_mb << 20) + file_bytes;
  order.output_bytes = request.limits.output_kb << 10;
  order.processes = request.limits.processes;
  return order;
}

RunResult ResultOf(const RunOrder& order, RunFacts facts,
                   bool has_memory_cgroup) {
  RunResult result;
  result.verdict = VerdictOf(facts, order, has_memory_cgroup);
  result.is_cancelled = facts.is_cancelled != 0;
  if (facts.has_ended != 0) {
    const int status = static_cast<int>(facts.wait_status);
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  }
  result.cpu_us = facts.cpu_us;
  result.wall_us = facts.wall_us;
  result.peak_bytes = facts.peak_bytes;
  result.standard_output = std::move(facts.standard_output);
  result.standard_error = std::move(facts.standard_error);
  result.fetched = std::move(facts.fetched);
  if (!facts.error.empty()) {
    result.detail = absl::StrCat("sandbox: ", facts.error);
  } else if (result.is_cancelled) {
    result.detail = "cancelled";
  } else if (result.verdict == Verdict::kSandboxError) {
    result.detail = "sandbox: the program's end is not known";
  }
  return result;
}

// Two pipes that cross: ends[0] of one program, ends[1] of the other.
struct Channels {
  std::vector<int> ends[2];

  bool Open() {
    int there[2], back[2];
    if (::pipe2(there, O_CLOEXEC) != 0) return false;
    if (::pipe2(back, O_CLOEXEC) != 0) {
      ::close(there[0]);
      ::close(there[1]);
      return false;
    }
    ends[0] = {back[0], there[1]};
    ends[1] = {there[0], back[1]};
    return true;
  }
  ~Channels() { Close(); }
  void Close() {
    for (std::vector<int>& fds : ends) {
      for (int fd : fds) ::close(fd);
      fds.clear();
    }
  }
};

}  // namespace

LauncherSetup Sandbox::Setup() const {
  LauncherSetup setup;
  setup.zygote_library = std::string(R1_EMBEDDED(r1_zygote_library));
  setup.zygote_script = std::string(R1_EMBEDDED(r1_zygote_script));
  setup.read_only_folder = options_.shared_folder;
  return setup;
}

absl::StatusOr<std::unique_ptr<Sandbox>> Sandbox::Start(
    const SandboxOptions& options) {
  auto sandbox = std::unique_ptr<Sandbox>(new Sandbox(options));
  const int slots = options.slots > 0 ? options.slots : std::max(2, NumCores());
  absl::MutexLock lock(&sandbox->mutex_);
  for (int i = 0; i < slots; ++i) {
    R1_ASSIGN_OR_RETURN(Slot slot, LauncherProcess::Start(sandbox->Setup()));
    sandbox->machine_ = slot->ready();
    sandbox->free_.push_back(std::move(slot));
    sandbox->slots_.push_back(i);
  }
  return sandbox;
}

Sandbox::~Sandbox() {
  Take(num_slots());  // and let them go
}

std::vector<Sandbox::Slot> Sandbox::Take(int count) {
  absl::MutexLock lock(&mutex_);
  const uint64_t ticket = next_ticket_++;
  const auto is_served = [this, count,
                          ticket]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return next_served_ == ticket && free_.size() >= static_cast<size_t>(count);
  };
  mutex_.Await(absl::Condition(&is_served));
  ++next_served_;
  std::vector<Slot> taken;
  for (int i = 0; i < count; ++i) {
    taken.push_back(std::move(free_.back()));
    free_.pop_back();
  }
  return taken;
}

void Sandbox::GiveBack(std::vector<Slot> slots) {
  absl::MutexLock lock(&mutex_);
  for (Slot& slot : slots) free_.push_back(std::move(slot));
}

RunResult Sandbox::Finish(const RunOrder& order, Slot* slot,
                          absl::Status begun) {
  absl::StatusOr<RunFacts> facts =
      begun.ok() ? (*slot)->Finish() : absl::StatusOr<RunFacts>(begun);
  if (facts.ok()) {
    return ResultOf(order, *std::move(facts), machine_.memory_cgroup != 0);
  }
  slot->reset();
  absl::StatusOr<Slot> fresh = LauncherProcess::Start(Setup());
  if (fresh.ok()) {
    *slot = *std::move(fresh);
  } else {
    LogWarning(
        absl::StrCat("a sandbox slot is lost: ", fresh.status().message()));
  }
  return SandboxError(facts.status().message());
}

RunResult Sandbox::Run(const RunRequest& request) {
  const absl::Status checked = Check(request);
  if (!checked.ok()) return SandboxError(checked.message());
  const RunOrder order = OrderOf(request);
  std::vector<Slot> slots = Take(1);
  absl::Status begun = absl::UnavailableError("sandbox: the slot is lost");
  if (slots[0] != nullptr) begun = slots[0]->Begin(order, {});
  RunResult result = Finish(order, &slots[0], begun);
  GiveBack(std::move(slots));
  return result;
}

std::array<RunResult, 2> Sandbox::RunLinked(
    const RunRequest& first, const RunRequest& second,
    absl::FunctionRef<bool(const RunResult& first)> ends_second) {
  for (const RunRequest* request : {&first, &second}) {
    const absl::Status checked = Check(*request);
    if (!checked.ok()) {
      return {SandboxError(checked.message()), SandboxError(checked.message())};
    }
  }
  const RunOrder orders[2] = {OrderOf(first), OrderOf(second)};
  std::vector<Slot> slots = Take(2);
  Channels channels;
  absl::Status begun[2];
  const bool is_open = channels.Open();
  for (int i = 0; i < 2; ++i) {
    begun[i] = absl::UnavailableError("sandbox: the slot is lost");
    if (is_open && slots[i] != nullptr) {
      begun[i] = slots[i]->Begin(orders[i], channels.ends[i]);
    }
  }
  channels.Close();  // or no program would see the other's end
  std::array<RunResult, 2> results;
  results[0] = Finish(orders[0], &slots[0], begun[0]);
  if (begun[1].ok() && ends_second(results[0])) slots[1]->Cancel();
  results[1] = Finish(orders[1], &slots[1], begun[1]);
  GiveBack(std::move(slots));
  return results;
}

}  // namespace r1
