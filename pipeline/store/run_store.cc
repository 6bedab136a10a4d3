#include "pipeline/store/run_store.h"

#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status_macros.h"
#include "pipeline/store/run_rows.h"
#include "pipeline/store/run_schema.h"

namespace r1 {
namespace {

// How long a write may wait for company before it is committed. Samples are
// lost to kill -9 for so long, and are then made again with the same bits.
constexpr std::chrono::milliseconds kGroupCommitDelay{20};

// Writers wait while more than this is queued.
constexpr int64_t kMaxQueuedBytes = int64_t{64} << 20;

// Larger files are not checked page by page when opened.
constexpr int64_t kMaxCheckedBytes = int64_t{256} << 20;

// SQLite stores NaN as NULL.
constexpr double kNull = std::numeric_limits<double>::quiet_NaN();

int64_t NowUnixMs() { return absl::ToUnixMillis(absl::Now()); }

absl::Status CheckDatabase(const Database& database) {
  R1_ASSIGN_OR_RETURN(Statement pages, database.Prepare("PRAGMA page_count"));
  R1_ASSIGN_OR_RETURN(bool has_row, pages.Step());
  const int64_t page_count = has_row ? pages.Int(0) : 0;
  R1_ASSIGN_OR_RETURN(const int64_t page_size,
                      database.QueryInt("PRAGMA page_size"));
  if (page_count * page_size > kMaxCheckedBytes) return absl::OkStatus();
  R1_ASSIGN_OR_RETURN(Statement check,
                      database.Prepare("PRAGMA quick_check(1)"));
  R1_ASSIGN_OR_RETURN(has_row, check.Step());
  if (has_row && check.Bytes(0) == "ok") return absl::OkStatus();
  return DamagedDatabaseError(database.path(), check.Bytes(0));
}

absl::Status CreateTables(Database* database) {
  R1_ASSIGN_OR_RETURN(const int64_t version,
                      database->QueryInt("PRAGMA user_version"));
  R1_ASSIGN_OR_RETURN(const int64_t num_tables,
                      database->QueryInt("SELECT count(*) FROM sqlite_master"));
  if (num_tables > 0 && version != kRunSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        database->path(), " has tables of version ", version,
        ", this program writes version ", kRunSchemaVersion,
        ": choose another run folder, or use the program that made this one"));
  }
  return database->Execute(
      absl::StrCat("BEGIN IMMEDIATE;", kRunSchemaSql,
                   "PRAGMA user_version = ", kRunSchemaVersion, "; COMMIT;"));
}

}  // namespace

struct RunStore::Writer {
  std::unique_ptr<Database> database;
  Statement begin, commit, rollback;
  Statement prompt, trajectory, reward, advantage;
  Statement drop_trajectory, drop_reward, drop_advantage;
  Statement delete_metrics, metric, event;
  Statement delete_eval, delete_eval_samples, eval, eval_sample;
  Statement session;
  int64_t process = 0;  // how many have opened the file
  int64_t session_id = 0;

  absl::Status Prepare();
  absl::Status BeginSession(const std::string& stage);
  absl::Status Apply(const std::vector<Write>& writes);
};

absl::Status RunStore::Writer::Prepare() {
  const struct {
    Statement* statement;
    const char* sql;
  } all[] = {
      {&begin, "BEGIN IMMEDIATE"},
      {&commit, "COMMIT"},
      {&rollback, "ROLLBACK"},
      // A prompt may be there already: a resumed run draws it again.
      {&prompt, "INSERT OR IGNORE INTO prompts VALUES(?,?,?,?,?,?)"},
      {&trajectory, "INSERT INTO trajectories VALUES(?,?,?,?,?,?,?,?,?,?)"},
      {&reward, "INSERT INTO rewards VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&advantage, "INSERT OR REPLACE INTO advantages VALUES(?,?,?,?,?)"},
      {&drop_trajectory,
       "DELETE FROM trajectories WHERE stage = ? AND step = ? AND "
       "prompt_id = ? AND "
       "sample_index = ?"},
      {&drop_reward,
       "DELETE FROM rewards WHERE stage = ? AND step = ? AND "
       "prompt_id = ? AND "
       "sample_index = ?"},
      {&drop_advantage,
       "DELETE FROM advantages WHERE stage = ? AND step = ? AND "
       "prompt_id = ? AND "
       "sample_index = ?"},
      {&delete_metrics,
       "DELETE FROM metrics WHERE stage = ? AND step = ? AND name NOT GLOB "
       "'time/*' AND name NOT GLOB 'tokens_per_second/*'"},
      {&metric, "INSERT OR IGNORE INTO metrics VALUES(?,?,?,?,?)"},
      {&event,
       "INSERT INTO events(time_unix_ms, stage, step, kind, message) "
       "SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?3 = -1 OR NOT EXISTS(SELECT 1 FROM "
       "events WHERE stage = ?2 AND step = ?3 AND kind = ?4 AND message = "
       "?5)"},
      {&delete_eval, "DELETE FROM evals WHERE stage = ? AND step = ?"},
      {&delete_eval_samples,
       "DELETE FROM eval_samples WHERE stage = ? AND step = ?"},
      {&eval, "INSERT OR REPLACE INTO evals VALUES(?,?,?,?,?)"},
      {&eval_sample,
       "INSERT OR REPLACE INTO eval_samples VALUES(?,?,?,?,?,?,?,?,?,?,?)"},
      {&session, "UPDATE sessions SET last_write_unix_ms = ? WHERE id = ?"},
  };
  for (const auto& [statement, sql] : all) {
    R1_ASSIGN_OR_RETURN(*statement, database->Prepare(sql));
  }
  return absl::OkStatus();
}

absl::Status RunStore::Writer::BeginSession(const std::string& stage) {
  const int64_t now = NowUnixMs();
  R1_ASSIGN_OR_RETURN(
      Statement insert,
      database->Prepare("INSERT INTO sessions(process, stage, started_unix_ms, "
                        "last_write_unix_ms) VALUES(?,?,?,?)"));
  insert.BindInt(1, process).BindText(2, stage).BindInt(3, now);
  R1_RETURN_IF_ERROR(insert.BindInt(4, now).Run());
  R1_ASSIGN_OR_RETURN(session_id,
                      database->QueryInt("SELECT last_insert_rowid()"));
  return absl::OkStatus();
}

absl::Status RunStore::Writer::Apply(const std::vector<Write>& writes) {
  R1_RETURN_IF_ERROR(begin.Run());
  for (const Write& write : writes) {
    if (absl::Status status = write(this); !status.ok()) {
      // A failed rollback leaves the same state: nothing was committed.
      rollback.Run().IgnoreError();
      return status;
    }
  }
  absl::Status status =
      session.BindInt(1, NowUnixMs()).BindInt(2, session_id).Run();
  if (status.ok()) status = commit.Run();
  if (!status.ok()) rollback.Run().IgnoreError();
  return status;
}

absl::StatusOr<std::unique_ptr<RunStore>> RunStore::Open(
    const std::string& path) {
  auto writer = std::make_unique<Writer>();
  R1_ASSIGN_OR_RETURN(writer->database,
                      Database::Open(path, Database::Mode::kReadWrite));
  R1_RETURN_IF_ERROR(CheckDatabase(*writer->database));
  R1_RETURN_IF_ERROR(CreateTables(writer->database.get()));
  R1_RETURN_IF_ERROR(writer->Prepare());
  R1_ASSIGN_OR_RETURN(
      writer->process,
      writer->database->QueryInt(
          "SELECT coalesce(max(process), 0) + 1 FROM sessions"));
  R1_RETURN_IF_ERROR(writer->BeginSession(""));
  R1_ASSIGN_OR_RETURN(std::unique_ptr<Database> reader,
                      Database::Open(path, Database::Mode::kReadOnly));
  return std::unique_ptr<RunStore>(
      new RunStore(std::move(writer), std::move(reader)));
}

RunStore::RunStore(std::unique_ptr<Writer> writer,
                   std::unique_ptr<Database> reader)
    : writer_(std::move(writer)), reader_(std::move(reader)) {
  thread_ = std::thread([this] { WriteLoop(); });
}

RunStore::~RunStore() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    is_closing_ = true;
  }
  work_arrived_.notify_all();
  thread_.join();
}

void RunStore::WriteLoop() {
  while (true) {
    std::vector<Write> writes;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      work_arrived_.wait(lock,
                         [this] { return !queue_.empty() || is_closing_; });
      work_arrived_.wait_for(lock, kGroupCommitDelay, [this] {
        return num_flushing_ > 0 || is_closing_ ||
               queued_bytes_ > kMaxQueuedBytes / 2;
      });
      if (queue_.empty()) return;  // closing
      writes.swap(queue_);
      queued_bytes_ = 0;
    }
    absl::Status status = writer_->Apply(writes);
    std::lock_guard<std::mutex> lock(mutex_);
    num_durable_ += static_cast<int64_t>(writes.size());
    if (!status.ok()) status_ = status;
    work_done_.notify_all();
    if (!status.ok()) return;
  }
}

absl::Status RunStore::Enqueue(int64_t size_bytes, Write write) {
  std::unique_lock<std::mutex> lock(mutex_);
  work_done_.wait(lock, [this] {
    return queued_bytes_ < kMaxQueuedBytes || !status_.ok();
  });
  if (!status_.ok()) return status_;
  queue_.push_back(std::move(write));
  queued_bytes_ += size_bytes;
  ++num_enqueued_;
  work_arrived_.notify_one();
  return absl::OkStatus();
}

absl::Status RunStore::FlushQueue() {
  std::unique_lock<std::mutex> lock(mutex_);
  const int64_t target = num_enqueued_;
  ++num_flushing_;
  work_arrived_.notify_one();
  work_done_.wait(
      lock, [this, target] { return num_durable_ >= target || !status_.ok(); });
  --num_flushing_;
  return status_;
}

absl::Status RunStore::Flush() { return FlushQueue(); }

absl::Status RunStore::EnterStage(const std::string& stage) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  stage_ = stage;
  keys_ = StepKeys();
  return Enqueue(64, [stage](Writer* w) { return w->BeginSession(stage); });
}

absl::Status RunStore::DropStage(const std::string& stage) {
  R1_RETURN_IF_ERROR(Enqueue(64, [stage](Writer* w) {
    for (const char* table :
         {"metrics", "prompts", "trajectories", "rewards", "advantages",
          "events", "evals", "eval_samples", "sessions"}) {
      R1_ASSIGN_OR_RETURN(Statement drop,
                          w->database->Prepare(absl::StrCat(
                              "DELETE FROM ", table, " WHERE stage = ?")));
      R1_RETURN_IF_ERROR(drop.BindText(1, stage).Run());
    }
    return absl::OkStatus();
  }));
  return FlushQueue();
}

std::string RunStore::stage() {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  return stage_;
}

absl::Status RunStore::SelectStep(int64_t step) {
  if (keys_.step == step) return absl::OkStatus();
  // Everything recorded so far must be visible to the reader.
  R1_RETURN_IF_ERROR(FlushQueue());
  StepKeys keys;
  R1_ASSIGN_OR_RETURN(
      Statement trajectories,
      reader_->Prepare("SELECT prompt_id, sample_index FROM trajectories "
                       "WHERE stage = ? AND step = ?"));
  trajectories.BindText(1, stage_).BindInt(2, step);
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, trajectories.Step());
    if (!has_row) break;
    keys.trajectories.insert({trajectories.Int(0), trajectories.Int(1)});
    keys.prompts.insert(trajectories.Int(0));
  }
  R1_ASSIGN_OR_RETURN(
      Statement rewards,
      reader_->Prepare("SELECT prompt_id, sample_index FROM rewards "
                       "WHERE stage = ? AND step = ?"));
  rewards.BindText(1, stage_).BindInt(2, step);
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rewards.Step());
    if (!has_row) break;
    keys.rewards.insert({rewards.Int(0), rewards.Int(1)});
  }
  keys.step = step;
  keys_ = std::move(keys);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SampleRecord>> RunStore::LoadSamples(int64_t step) {
  R1_RETURN_IF_ERROR(FlushQueue());
  std::lock_guard<std::mutex> lock(keys_mutex_);
  R1_ASSIGN_OR_RETURN(
      Statement rows,
      reader_->Prepare(
          absl::StrCat(kSelectSamples,
                       "WHERE t.stage = ? AND t.step = ? ORDER BY t.prompt_id, "
                       "t.sample_index")));
  rows.BindText(1, stage_).BindInt(2, step);
  std::vector<SampleRecord> samples;
  while (true) {
    R1_ASSIGN_OR_RETURN(const bool has_row, rows.Step());
    if (!has_row) return samples;
    samples.push_back(ReadSample(rows).record);
  }
}

absl::Status RunStore::RecordTrajectory(int64_t step, const Prompt& prompt,
                                        const Trajectory& trajectory,
                                        const std::string& completion) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  R1_RETURN_IF_ERROR(SelectStep(step));
  const SampleKey key(trajectory.prompt_id(), trajectory.sample_index());
  if (!keys_.trajectories.insert(key).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("step ", step, ", prompt ", key.first, ", sample ",
                     key.second, " is recorded already"));
  }
  const bool is_new_prompt = keys_.prompts.insert(prompt.id()).second;
  const int64_t size_bytes = trajectory.tokens_size() * 8 + completion.size();
  return Enqueue(
      size_bytes, [stage = stage_, step, trajectory, completion, is_new_prompt,
                   prompt = is_new_prompt ? prompt : Prompt()](Writer* w) {
        if (is_new_prompt) {
          w->prompt.BindText(1, stage)
              .BindInt(2, prompt.id())
              .BindText(3, prompt.source())
              .BindText(4, prompt.question())
              .BindText(5, prompt.reference())
              .BindBlob(6, AsBlob(prompt.token_ids()));
          R1_RETURN_IF_ERROR(w->prompt.Run());
        }
        w->trajectory.BindText(1, stage)
            .BindInt(2, step)
            .BindInt(3, trajectory.prompt_id())
            .BindInt(4, trajectory.sample_index())
            .BindInt(5, trajectory.policy_version())
            .BindText(6, FinishReasonName(trajectory.finish_reason()))
            .BindBlob(7, AsBlob(trajectory.tokens()))
            .BindBlob(8, AsBlob(trajectory.logprobs()))
            .BindText(9, completion)
            .BindText(10, trajectory.worker());
        return w->trajectory.Run();
      });
}

absl::Status RunStore::RecordReward(int64_t step, uint64_t prompt_id,
                                    uint32_t sample_index,
                                    const RewardResult& reward) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  R1_RETURN_IF_ERROR(SelectStep(step));
  if (!keys_.rewards.insert({prompt_id, sample_index}).second) {
    return absl::AlreadyExistsError(
        absl::StrCat("step ", step, ", prompt ", prompt_id, ", sample ",
                     sample_index, " has a reward already"));
  }
  return Enqueue(256, [=, stage = stage_](Writer* w) {
    const RewardColumns columns = ColumnsOf(reward);
    w->reward.BindText(1, stage)
        .BindInt(2, step)
        .BindInt(3, prompt_id)
        .BindInt(4, sample_index)
        .BindText(5, RewardKindName(reward.kind()))
        .BindDouble(6, reward.total())
        .BindText(7, columns.components)
        .BindText(8, reward.detail())
        .BindDouble(9, reward.raw_total())
        .BindText(10, columns.versions)
        .BindText(11, columns.not_applicable)
        .BindText(12, columns.metrics)
        .BindText(13, columns.extracted);
    return w->reward.Run();
  });
}

absl::Status RunStore::RecordAdvantage(int64_t step, uint64_t prompt_id,
                                       uint32_t sample_index,
                                       double advantage) {
  return Enqueue(64, [=, stage = stage()](Writer* w) {
    w->advantage.BindText(1, stage)
        .BindInt(2, step)
        .BindInt(3, prompt_id)
        .BindInt(4, sample_index)
        .BindDouble(5, advantage);
    return w->advantage.Run();
  });
}

absl::Status RunStore::DropReward(int64_t step, uint64_t prompt_id,
                                  uint32_t sample_index) {
  std::lock_guard<std::mutex> lock(keys_mutex_);
  R1_RETURN_IF_ERROR(SelectStep(step));
  keys_.rewards.erase({prompt_id, sample_index});
  return Enqueue(64, [=, stage = stage_](Writer* w) {
    for (Statement* drop : {&w->drop_reward, &w->drop_advantage}) {
      drop->BindText(1, stage)
          .BindInt(2, step)
          .BindInt(3, prompt_id)
          .BindInt(4, sample_index);
      R1_RETURN_IF_ERROR(drop->Run());
    }
    return absl::OkStatus();
  });
}

absl::Status RunStore::DropSample(int64_t step, uint64_t prompt_id,
                                  uint32_t sample_index) {
  R1_RETURN_IF_ERROR(DropReward(step, prompt_id, sample_index));
  std::lock_guard<std::mutex> lock(keys_mutex_);
  keys_.trajectories.erase({prompt_id, sample_index});
  return Enqueue(64, [=, stage = stage_](Writer* w) {
    w->drop_trajectory.BindText(1, stage).BindInt(2, step).BindInt(3,
                                                                   prompt_id);
    return w->drop_trajectory.BindInt(4, sample_index).Run();
  });
}

absl::Status RunStore::RecordMetrics(int64_t step, const Metrics& metrics) {
  return Enqueue(1024, [=, stage = stage()](Writer* w) {
    R1_RETURN_IF_ERROR(
        w->delete_metrics.BindText(1, stage).BindInt(2, step).Run());
    int position = 0;
    for (const auto& [name, value] : metrics) {
      w->metric.BindText(1, stage)
          .BindInt(2, step)
          .BindText(3, name)
          .BindInt(4, position++)
          .BindDouble(5, value);
      R1_RETURN_IF_ERROR(w->metric.Run());
    }
    return absl::OkStatus();
  });
}

absl::Status RunStore::RecordEvent(int64_t step, const std::string& kind,
                                   const std::string& message) {
  const int64_t time_unix_ms = NowUnixMs();
  return Enqueue(256, [=, stage = stage()](Writer* w) {
    w->event.BindInt(1, time_unix_ms)
        .BindText(2, stage)
        .BindInt(3, step)
        .BindText(4, kind)
        .BindText(5, message);
    return w->event.Run();
  });
}

absl::Status RunStore::RecordEval(int64_t step, const Metrics& metrics,
                                  const std::vector<EvalSample>& samples) {
  return Enqueue(1024 * (1 + samples.size()), [=, stage = stage()](Writer* w) {
    R1_RETURN_IF_ERROR(
        w->delete_eval.BindText(1, stage).BindInt(2, step).Run());
    R1_RETURN_IF_ERROR(
        w->delete_eval_samples.BindText(1, stage).BindInt(2, step).Run());
    int position = 0;
    for (const auto& [name, value] : metrics) {
      w->eval.BindText(1, stage).BindInt(2, step).BindText(3, name).BindInt(
          4, position++);
      R1_RETURN_IF_ERROR(w->eval.BindDouble(5, value).Run());
    }
    for (const EvalSample& s : samples) {
      w->eval_sample.BindText(1, stage)
          .BindInt(2, step)
          .BindInt(3, s.prompt_id)
          .BindInt(4, s.sample_index)
          .BindText(5, s.question)
          .BindText(6, s.reference)
          .BindText(7, s.completion)
          .BindText(8, FinishReasonName(s.finish_reason))
          .BindInt(9, s.num_tokens)
          .BindDouble(10, s.is_correct ? *s.is_correct : kNull)
          .BindInt(11, s.has_format);
      R1_RETURN_IF_ERROR(w->eval_sample.Run());
    }
    return absl::OkStatus();
  });
}

}  // namespace r1
