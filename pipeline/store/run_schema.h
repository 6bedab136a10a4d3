// The tables of RUN/run.db; README.md explains them for people who query.
#ifndef R1_PIPELINE_STORE_RUN_SCHEMA_H_
#define R1_PIPELINE_STORE_RUN_SCHEMA_H_

namespace r1 {

// Stored in the file's user_version; a file with another number is refused.
inline constexpr int kRunSchemaVersion = 6;

// Kind of the event that marks the end of RL step 1.
inline constexpr char kFirstRlStepEvent[] = "first-rl-step";

inline constexpr char kRunSchemaSql[] = R"sql(
CREATE TABLE IF NOT EXISTS metrics(
  stage TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL,
  position INTEGER NOT NULL, value REAL,
  PRIMARY KEY(stage, step, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS prompts(
  stage TEXT NOT NULL, prompt_id INTEGER NOT NULL, source TEXT NOT NULL,
  question TEXT NOT NULL, reference TEXT NOT NULL, tokens BLOB NOT NULL,
  PRIMARY KEY(stage, prompt_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trajectories(
  stage TEXT NOT NULL, step INTEGER NOT NULL, prompt_id INTEGER NOT NULL,
  sample_index INTEGER NOT NULL, policy_version INTEGER NOT NULL,
  finish_reason TEXT NOT NULL, tokens BLOB NOT NULL, logprobs BLOB NOT NULL,
  completion TEXT NOT NULL, worker TEXT NOT NULL,
  PRIMARY KEY(stage, step, prompt_id, sample_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rewards(
  stage TEXT NOT NULL, step INTEGER NOT NULL, prompt_id INTEGER NOT NULL,
  sample_index INTEGER NOT NULL, kind TEXT NOT NULL, total REAL,
  components TEXT NOT NULL, detail TEXT NOT NULL, raw_total REAL,
  versions TEXT NOT NULL, not_applicable TEXT NOT NULL,
  metrics TEXT NOT NULL, extracted TEXT NOT NULL,
  PRIMARY KEY(stage, step, prompt_id, sample_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS advantages(
  stage TEXT NOT NULL, step INTEGER NOT NULL, prompt_id INTEGER NOT NULL,
  sample_index INTEGER NOT NULL, advantage REAL,
  PRIMARY KEY(stage, step, prompt_id, sample_index)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events(
  id INTEGER PRIMARY KEY, time_unix_ms INTEGER NOT NULL, stage TEXT NOT NULL,
  step INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions(
  id INTEGER PRIMARY KEY, process INTEGER NOT NULL, stage TEXT NOT NULL,
  started_unix_ms INTEGER NOT NULL, last_write_unix_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS evals(
  stage TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL,
  position INTEGER NOT NULL, value REAL,
  PRIMARY KEY(stage, step, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS eval_samples(
  stage TEXT NOT NULL, step INTEGER NOT NULL, prompt_id INTEGER NOT NULL,
  sample_index INTEGER NOT NULL, question TEXT NOT NULL,
  reference TEXT NOT NULL, completion TEXT NOT NULL,
  finish_reason TEXT NOT NULL, num_tokens INTEGER NOT NULL,
  is_correct INTEGER, has_format INTEGER NOT NULL,
  PRIMARY KEY(stage, step, prompt_id, sample_index)) WITHOUT ROWID;
)sql";

}  // namespace r1

#endif  // R1_PIPELINE_STORE_RUN_SCHEMA_H_
