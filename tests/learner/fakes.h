// Small stand-ins for the learner's peers: a journal in a map, an engine behind
// the rollout contract, rewards by a lambda, and a tiny model.
#ifndef R1_TESTS_LEARNER_FAKES_H_
#define R1_TESTS_LEARNER_FAKES_H_

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "learner/collector.h"
#include "learner/journal.h"
#include "learner/reward_source.h"
#include "model/param_set.h"
#include "model/tokenizer.h"
#include "rollout/engine.h"
#include "rollout/prompt_source.h"
#include "rollout/rollout_source.h"

namespace r1 {

// Keeps everything; refuses to record a sample twice.
class MapJournal : public Journal {
 public:
  using Key = std::tuple<int64_t, uint64_t, uint32_t>;  // step, prompt, sample

  absl::StatusOr<std::vector<SampleRecord>> LoadSamples(int64_t step) override {
    std::vector<SampleRecord> found;
    for (const auto& [key, record] : samples) {
      if (std::get<0>(key) == step) found.push_back(record);
    }
    return found;
  }
  absl::Status RecordTrajectory(int64_t step, const Prompt& prompt,
                                const Trajectory& trajectory,
                                const std::string& completion) override {
    const Key key{step, prompt.id(), trajectory.sample_index()};
    if (samples.count(key)) return absl::AlreadyExistsError("recorded twice");
    samples[key] = {prompt, trajectory, completion, std::nullopt};
    ++trajectories_recorded;
    return absl::OkStatus();
  }
  absl::Status RecordReward(int64_t step, uint64_t prompt_id,
                            uint32_t sample_index,
                            const RewardResult& reward) override {
    const Key key{step, prompt_id, sample_index};
    if (!samples.count(key)) return absl::NotFoundError("reward of no sample");
    if (samples[key].reward) return absl::AlreadyExistsError("scored twice");
    samples[key].reward = reward;
    return absl::OkStatus();
  }
  absl::Status RecordAdvantage(int64_t step, uint64_t prompt_id,
                               uint32_t sample_index,
                               double advantage) override {
    advantages[{step, prompt_id, sample_index}] = advantage;
    return absl::OkStatus();
  }
  absl::Status DropSample(int64_t step, uint64_t prompt_id,
                          uint32_t sample_index) override {
    samples.erase({step, prompt_id, sample_index});
    advantages.erase({step, prompt_id, sample_index});
    return absl::OkStatus();
  }
  absl::Status DropReward(int64_t step, uint64_t prompt_id,
                          uint32_t sample_index) override {
    const auto it = samples.find({step, prompt_id, sample_index});
    if (it != samples.end()) it->second.reward.reset();
    return absl::OkStatus();
  }
  absl::Status Flush() override {
    ++flushes;
    return absl::OkStatus();
  }
  absl::Status RecordMetrics(int64_t step, const Metrics& values) override {
    metrics[step] = values;
    return absl::OkStatus();
  }
  absl::Status RecordEvent(int64_t step, const std::string& kind,
                           const std::string& message) override {
    events.emplace_back(step, kind, message);
    return absl::OkStatus();
  }

  std::map<Key, SampleRecord> samples;
  std::map<Key, double> advantages;
  std::map<int64_t, Metrics> metrics;
  std::vector<std::tuple<int64_t, std::string, std::string>> events;
  int flushes = 0, trajectories_recorded = 0;
};

// Prompt i: its number in decimal, as bytes.
class CountingPrompts : public PromptSource {
 public:
  explicit CountingPrompts(const Tokenizer* tokenizer)
      : tokenizer_(tokenizer) {}

  absl::StatusOr<Prompt> Train(uint64_t index) const override {
    Prompt prompt;
    prompt.set_id(index);
    prompt.set_question(absl::StrCat("#", index, "?"));
    prompt.set_reference("{}");
    prompt.set_answer_prefix(answer_prefix);
    const std::vector<int32_t> ids = *tokenizer_->Encode(prompt.question());
    for (int32_t id : ids) {
      prompt.add_token_ids(id);
    }
    return prompt;
  }
  absl::StatusOr<std::vector<Prompt>> HeldOut(int64_t count) const override {
    std::vector<Prompt> prompts;
    for (int64_t i = 0; i < count; ++i) {
      prompts.push_back(*Train(i + (uint64_t{1} << 47)));
    }
    return prompts;
  }
  std::string DataHash() const override { return "counting"; }

  std::string answer_prefix;

 private:
  const Tokenizer* tokenizer_;
};

// The real engine, stepped whenever the learner waits.
class EngineRollout : public RolloutSource {
 public:
  EngineRollout(const ModelConfig& config, Ops* ops, int max_batch)
      : engine_(config, nullptr, ops, Options(max_batch)) {}

  absl::Status Publish(const WeightsId& id,
                       std::shared_ptr<const PolicyWeights> weights) override {
    id_ = id;
    weights_ = std::move(weights);
    return absl::OkStatus();
  }
  void Withdraw() override { weights_.reset(); }

  void Enqueue(RolloutWork work) override {
    const auto prompt = std::make_shared<const std::vector<int32_t>>(
        work.prompt.token_ids().begin(), work.prompt.token_ids().end());
    for (uint32_t sample : work.sample_indices) {
      EngineRequest request;
      request.key = next_key_++;
      request.prompt = prompt;
      request.seed = work.seed;
      request.prompt_id = work.prompt.id();
      request.sample_index = sample;
      request.sampling = work.sampling;
      worker_of_[{work.prompt.id(), sample}] = ChooseWorker(work.avoid);
      const absl::Status status = engine_.Add(std::move(request));
      if (!status.ok()) fault_ = status;
    }
  }

  absl::StatusOr<Trajectory> Next(absl::Time) override {
    if (!fault_.ok()) return fault_;
    if (deliveries_left == 0) return absl::AbortedError("killed");
    while (done_.empty() && !engine_.idle()) engine_.Step(*weights_, &done_);
    if (done_.empty()) return absl::DeadlineExceededError("nobody works");
    // The last finished first: the order of arrival must not matter.
    if (!done_.back().status.ok()) return done_.back().status;
    Trajectory trajectory = std::move(done_.back().trajectory);
    done_.pop_back();
    trajectory.set_policy_version(id_.version());
    trajectory.set_worker(
        worker_of_.at({trajectory.prompt_id(), trajectory.sample_index()}));
    --deliveries_left;
    if (tamper) tamper(&trajectory);
    return trajectory;
  }
  std::vector<WorkerStatus> Workers() const override { return {}; }
  void Quarantine(const std::string& worker, const std::string&) override {
    quarantined.push_back(worker);
    std::erase(workers, worker);
  }

  // Trajectories to hand out before the "process dies".
  int deliveries_left = 1 << 30;
  // What a worker does to its trajectories.
  std::function<void(Trajectory*)> tamper;
  std::vector<std::string> workers = {"w1"};  // they take turns
  std::vector<std::string> quarantined;

 private:
  static EngineOptions Options(int max_batch) {
    EngineOptions options;
    options.max_batch = max_batch;
    return options;
  }

  std::string ChooseWorker(const std::vector<std::string>& avoid) {
    for (size_t tries = 0; tries < workers.size(); ++tries) {
      const std::string& next = workers[turn_++ % workers.size()];
      if (std::count(avoid.begin(), avoid.end(), next) == 0) return next;
    }
    return workers[turn_++ % workers.size()];
  }

  Engine engine_;
  std::map<SampleKey, std::string> worker_of_;
  size_t turn_ = 0;
  WeightsId id_;
  std::shared_ptr<const PolicyWeights> weights_;
  std::vector<Finished> done_;
  absl::Status fault_;
  uint64_t next_key_ = 0;
};

// Scores by a function of the item; results come out in reverse order.
class LambdaReward : public RewardSource {
 public:
  using Score = std::function<RewardResult(const RewardItem&)>;
  explicit LambdaReward(Score score) : score_(std::move(score)) {}

  void SetStep(int64_t step, int max_new_tokens) override {
    steps.push_back(step);
    lengths.push_back(max_new_tokens);
  }
  void Submit(RewardItem item) override {
    RewardResult result = score_(item);
    result.set_id(item.id());
    results_.push_back(std::move(result));
    ++submitted;
  }
  bool compares_samples() const override { return compares; }
  void SubmitTogether(std::vector<RewardItem> items) override {
    group_sizes.push_back(static_cast<int>(items.size()));
    for (RewardItem& item : items) Submit(std::move(item));
  }
  absl::StatusOr<RewardResult> Next(absl::Time deadline) override {
    if (results_.empty() || deliveries_left == 0) {
      if (wait_until && deadline > absl::InfinitePast()) wait_until(deadline);
      return absl::DeadlineExceededError("the reward is silent");
    }
    --deliveries_left;
    RewardResult result = std::move(results_.back());
    results_.pop_back();
    return result;
  }
  bool compares = false;
  int submitted = 0;
  std::vector<int> group_sizes;  // of each SubmitTogether
  std::vector<int64_t> steps;    // of each SetStep
  std::vector<int> lengths;      // of each SetStep
  int deliveries_left = 1 << 30;
  std::function<void(absl::Time)> wait_until;  // moves the test's clock

 private:
  Score score_;
  std::vector<RewardResult> results_;
};

inline RewardResult ScoreOf(double total) {
  RewardResult result;
  result.set_kind(REWARD_SCORE);
  result.set_total(total);
  RewardComponent* component = result.add_components();
  component->set_name("even");
  component->set_value(total);
  return result;
}

// The share of even bytes: 1/2 for random text, so a gradient exists from the
// start, and easy to learn.
inline RewardResult ShareOfEvenBytes(const RewardItem& item) {
  int even = 0;
  for (char c : item.completion()) even += c % 2 == 0;
  return ScoreOf(item.completion().empty()
                     ? 0
                     : static_cast<double>(even) / item.completion().size());
}

// Prompt and sample of a reward item's id.
inline std::pair<uint64_t, uint32_t> KeyOf(const RewardItem& item) {
  const std::vector<std::string> parts = absl::StrSplit(item.id(), '/');
  return {std::stoull(parts[0]), std::stoul(parts[1])};
}

inline ModelConfig TinyModel() {
  ModelConfig config;
  config.vocab_size = 257;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_layers = 2;
  config.num_heads = 2;
  config.num_kv_heads = 1;
  config.head_dim = 16;
  config.max_positions = 64;
  config.tie_embeddings = true;
  config.eos_token_ids = {0};
  return config;
}

inline ParamSet TinyParams(uint64_t seed) {
  ParamSet params(std::make_shared<ParamLayout>(TinyModel()));
  InitializeParams(seed, &params);
  return params;
}

inline double MetricOf(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  return std::nan("");
}

// A scratch folder, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace r1

#endif  // R1_TESTS_LEARNER_FAKES_H_
