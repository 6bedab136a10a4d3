#include "reward/plugin/process_rule.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "reward/core/text.h"
#include "reward/plugin/messages.h"

namespace r1 {
namespace {

// Items under way: enough to hide the pipe's latency, few enough to send each
// again alone after a crash.
constexpr size_t kMaxItemsUnderWay = 64;
constexpr size_t kMaxUnwrittenBytes = 16 << 20;
// How often a process that does not start is tried, with growing pauses.
constexpr int kMaxStarts = 3;
constexpr absl::Duration kFirstPause = absl::Milliseconds(50);

}  // namespace

// Speaks with the process. The public functions may be called from any thread;
// the others, and what no mutex guards, belong to the driver's thread.
class ProcessRule::Driver {
 public:
  Driver(const PluginSpec& spec, const RuleOptions& options)
      : spec_(spec),
        options_(options),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~Driver() {
    {
      absl::MutexLock lock(&mutex_);
      is_stopping_ = true;
    }
    Wake();
    if (thread_.joinable()) thread_.join();
    ::close(wake_);
  }

  // Starts the process and the thread. Errors: as ProcessRule::Create.
  absl::Status Start() {
    R1_ASSIGN_OR_RETURN(image_, PluginImage::Load(spec_, options_));
    R1_ASSIGN_OR_RETURN(process_, image_->Start(&description_));
    compares_samples_ = description_.compares_samples;
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  // Before the first Enqueue.
  const PluginDescription& description() const { return description_; }

  void Enqueue(std::vector<WorkUnit> units) {
    {
      absl::MutexLock lock(&mutex_);
      for (WorkUnit& unit : units) arrived_.push_back(std::move(unit));
    }
    Wake();
  }

 private:
  // A unit that is being judged, and which of its items are answered.
  struct UnderWay {
    WorkUnit unit;
    std::vector<bool> is_answered;
    size_t num_missing = 0;
  };

  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(wake_, &one, sizeof(one));
  }

  void Run() {
    // The process was started by another thread; this one writes to it.
    BlockBrokenPipe();
    while (TakeArrived()) {
      if (process_->has_ended()) {
        if (waiting_.empty()) {
          WaitForWork();
          continue;
        }
        if (!StartAgain()) continue;
      }
      SendWaiting();
      const bool is_idle = under_way_.empty();
      std::vector<std::string> output, errors;
      process_->Exchange(is_idle ? absl::InfiniteFuture() : HangTime(), wake_,
                         &output, &errors);
      LogPluginLines(spec_.name, &errors);
      for (const std::string& line : output) TakeLine(line);
      if (process_->has_ended()) {
        Restart(REWARD_ERROR, process_->Stop(""));
      } else if (!bad_line_.empty()) {
        Restart(REWARD_ERROR, process_->Stop(bad_line_));
      } else if (!under_way_.empty() && absl::Now() >= HangTime()) {
        const std::string silence = absl::StrCat(
            "answered nothing for ", absl::FormatDuration(item_limit_));
        Restart(REWARD_TIMEOUT, process_->Stop(silence));
      }
    }
  }

  // Takes what was enqueued; false when stopping.
  bool TakeArrived() {
    // First, so that what is enqueued after this wakes again.
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = ::read(wake_, &count, sizeof(count));
    absl::MutexLock lock(&mutex_);
    if (is_stopping_) return false;
    for (WorkUnit& unit : arrived_) waiting_.push_back(std::move(unit));
    arrived_.clear();
    return true;
  }

  absl::Time HangTime() const { return last_answer_ + item_limit_; }

  void SendWaiting() {
    while (!waiting_.empty()) {
      WorkUnit& next = waiting_.front();
      if (next.results->is_taken()) {  // too late for it
        waiting_.pop_front();
        continue;
      }
      const bool is_new_step = next.context.step > step_;
      const bool must_be_first = next.is_alone || is_new_step;
      if (!under_way_.empty() &&
          (must_be_first || sent_alone_ ||
           items_.size() + next.items.size() > kMaxItemsUnderWay ||
           process_->unwritten_bytes() > kMaxUnwrittenBytes)) {
        return;
      }
      if (is_new_step) {
        step_ = next.context.step;
        ReloadIfChanged();
      }
      WorkUnit unit = std::move(next);
      waiting_.pop_front();
      Send(std::move(unit));
    }
  }

  void Send(WorkUnit unit) {
    if (unit.items.empty()) {  // asks for the version alone
      unit.results->Set(0, {REWARD_SCORE, 0, "", description_.version});
      return;
    }
    if (under_way_.empty()) last_answer_ = absl::Now();
    item_limit_ = unit.context.item_limit;
    sent_alone_ = unit.is_alone;
    const size_t count = unit.items.size();
    const int64_t key = next_unit_++;
    for (size_t i = 0; i < count; ++i) {
      const int64_t id = next_id_++;
      items_[id] = {key, i};
      process_->Write(PluginItemLine(absl::StrCat(id), unit.items[i],
                                     compares_samples_ ? count : 1,
                                     unit.context));
    }
    under_way_[key] = {std::move(unit), std::vector<bool>(count), count};
  }

  void TakeLine(const std::string& line) {
    if (!IsResult(line)) {
      std::vector<std::string> lines = {line};
      LogPluginLines(spec_.name, &lines);
      return;
    }
    absl::StatusOr<PluginResultLine> parsed = ParsePluginResult(line);
    if (!parsed.ok()) {
      bad_line_ = absl::StrCat("wrote a bad line: ", parsed.status().message());
      return;
    }
    int64_t id = -1;
    const auto item =
        absl::SimpleAtoi(parsed->id, &id) ? items_.find(id) : items_.end();
    if (item == items_.end()) {
      LogWarning(absl::StrCat("plugin ", spec_.name, ": a result for \"",
                              Excerpt(parsed->id),
                              "\", which was not asked for or is answered"));
      return;
    }
    last_answer_ = absl::Now();
    const auto [key, index] = item->second;
    items_.erase(item);
    UnderWay& unit = under_way_.at(key);
    parsed->result.version = description_.version;
    unit.is_answered[index] = true;
    unit.unit.results->Set(unit.unit.places[index], std::move(parsed->result));
    if (--unit.num_missing == 0) under_way_.erase(key);
  }

  // After the process ended by itself or was killed: what was under way is sent
  // again alone, or is given up.
  void Restart(RewardKind kind, const std::string& reason) {
    const std::string detail = absl::StrCat("the plugin ", reason);
    const size_t count = under_way_.size();
    if (count == 0) {
      LogWarning(absl::StrCat("plugin ", spec_.name, ": ", reason));
    } else if (!sent_alone_) {
      LogWarning(absl::StrCat("plugin ", spec_.name, ": ", reason, "; ", count,
                              " samples are sent again one by one"));
    }
    std::vector<WorkUnit> again;
    for (auto& [key, part] : under_way_) {
      if (!part.unit.is_alone) {
        KeepUnanswered(&part);
        part.unit.is_alone = true;
        again.push_back(std::move(part.unit));
        continue;
      }
      Fail(part.unit, {kind, 0, detail, description_.version});
    }
    waiting_.insert(waiting_.begin(), std::make_move_iterator(again.begin()),
                    std::make_move_iterator(again.end()));
    under_way_.clear();
    items_.clear();
    sent_alone_ = false;
    bad_line_.clear();
  }

  // The samples of a group are judged together or not at all.
  void KeepUnanswered(UnderWay* part) const {
    if (compares_samples_) return;
    WorkUnit& unit = part->unit;
    size_t kept = 0;
    for (size_t i = 0; i < unit.items.size(); ++i) {
      if (part->is_answered[i]) continue;
      std::swap(unit.items[kept], unit.items[i]);
      std::swap(unit.places[kept++], unit.places[i]);
    }
    unit.items.resize(kept);
    unit.places.resize(kept);
  }

  static void Fail(const WorkUnit& unit, const RuleResult& result) {
    if (unit.items.empty()) unit.results->Set(0, result);
    for (const size_t place : unit.places) unit.results->Set(place, result);
  }

  // False if it does not start: then what waits is given up.
  bool StartAgain() {
    absl::Status status;
    absl::Duration pause = kFirstPause;
    for (int i = 0; i < kMaxStarts && !IsStopping(); ++i, pause *= 2) {
      if (i > 0) absl::SleepFor(pause);
      PluginDescription description;
      auto process = image_->Start(&description);
      status = process.status();
      if (!status.ok()) continue;
      process_ = *std::move(process);
      description_ = std::move(description);
      return true;
    }
    const std::string detail =
        absl::StrCat("the plugin cannot be started again: ", status.message());
    for (const WorkUnit& unit : waiting_) {
      Fail(unit, RuleResult::Error(detail));
    }
    waiting_.clear();
    return false;
  }

  // Blocks without a process until something is enqueued.
  void WaitForWork() {
    const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return is_stopping_ || !arrived_.empty();
    };
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&has_news));
  }

  bool IsStopping() const {
    absl::MutexLock lock(&mutex_);
    return is_stopping_;
  }

  // Nothing is under way.
  void ReloadIfChanged() {
    if (!image_->HasChanged()) return;
    const absl::Status status = Reload();
    if (status.ok()) return;
    LogWarning(absl::StrCat("plugin ", spec_.name,
                            ": its files have changed but cannot be loaded, "
                            "version ",
                            description_.version,
                            " goes on: ", status.message()));
  }

  absl::Status Reload() {
    R1_ASSIGN_OR_RETURN(auto image, PluginImage::Load(spec_, options_));
    PluginDescription description;
    R1_ASSIGN_OR_RETURN(auto process, image->Start(&description));
    if (description.compares_samples != compares_samples_ ||
        description.range.lowest != description_.range.lowest ||
        description.range.highest != description_.range.highest) {
      return absl::FailedPreconditionError(
          "its range, or whether it compares samples, is another: start the "
          "run again for that");
    }
    LogInfo(absl::StrCat("plugin ", spec_.name, ": loaded anew for step ",
                         step_, ", version ", description_.version, " -> ",
                         description.version));
    process_ = std::move(process);
    image_ = std::move(image);
    description_ = std::move(description);
    return absl::OkStatus();
  }

  const PluginSpec spec_;
  const RuleOptions options_;
  const int wake_;  // eventfd: something was enqueued

  mutable absl::Mutex mutex_;
  std::deque<WorkUnit> arrived_ ABSL_GUARDED_BY(mutex_);
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::unique_ptr<PluginImage> image_;
  std::unique_ptr<ChildProcess> process_;
  PluginDescription description_;  // of the process
  bool compares_samples_ = false;
  std::deque<WorkUnit> waiting_;
  std::map<int64_t, UnderWay> under_way_;  // by the order of sending
  // The unanswered items under way, by id: their unit and place in it.
  std::map<int64_t, std::pair<int64_t, size_t>> items_;
  int64_t next_unit_ = 0, next_id_ = 1;
  bool sent_alone_ = false;  // the unit under way
  std::string bad_line_;     // why the process is to be killed
  absl::Duration item_limit_ = absl::InfiniteDuration();
  absl::Time last_answer_;
  int64_t step_ = 0;

  std::thread thread_;  // last: uses all of the above
};

absl::StatusOr<std::unique_ptr<const ProcessRule>> ProcessRule::Create(
    const PluginSpec& spec, const RuleOptions& options) {
  auto driver = std::make_unique<Driver>(spec, options);
  R1_RETURN_IF_ERROR(Annotate(
      driver->Start(),
      absl::StrCat("plugin ", spec.name, " (", Excerpt(spec.target), ")")));
  PluginDescription description = driver->description();
  return std::unique_ptr<const ProcessRule>(
      new ProcessRule(std::move(driver), std::move(description)));
}

ProcessRule::ProcessRule(std::unique_ptr<Driver> driver,
                         PluginDescription description)
    : driver_(std::move(driver)), description_(std::move(description)) {}

ProcessRule::~ProcessRule() = default;

std::string ProcessRule::version(const RuleContext& context) const {
  WorkUnit question;
  question.results = std::make_shared<BatchResults>(1);
  question.context = context;
  const auto results = question.results;
  std::vector<WorkUnit> units;
  units.push_back(std::move(question));
  driver_->Enqueue(std::move(units));
  return results->Take(context.deadline)[0].version;
}

std::vector<RuleResult> ProcessRule::Judge(
    absl::Span<const RewardItem* const> items,
    const RuleContext& context) const {
  const auto results = std::make_shared<BatchResults>(items.size());
  std::vector<WorkUnit> units =
      MakeWorkUnits(items, compares_samples(), context, results);
  // The samples of a prompt have one reference.
  const auto is_unusable = [&results](const WorkUnit& unit) {
    const absl::Status status = CheckPluginReference(unit.items[0].reference());
    if (status.ok()) return false;
    for (const size_t place : unit.places) {
      results->Set(place, RuleResult::Abstain(std::string(status.message())));
    }
    return true;
  };
  units.erase(std::remove_if(units.begin(), units.end(), is_unusable),
              units.end());
  driver_->Enqueue(std::move(units));
  return results->Take(context.deadline);
}

}  // namespace r1
