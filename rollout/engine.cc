#include "rollout/engine.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/memory_plan.h"

namespace r1 {
namespace {

int64_t NumPages(const ModelConfig& config, const EngineOptions& options) {
  // One page more: the prompt's last page exists once for the prompt and once
  // for each sample that goes on from it.
  const int64_t per_sequence = KvPages::PagesFor(config.max_positions) + 1;
  int64_t pages = options.kv_pages;
  if (pages == 0) {
    const int64_t page_bytes = int64_t{2} * config.num_layers *
                               config.kv_size() * kPageTokens * sizeof(float);
    pages = std::min(options.max_batch * per_sequence,
                     options.kv_bytes / page_bytes);
  }
  return std::max(pages, per_sequence);
}

std::string Name(const EngineRequest& request) {
  return absl::StrCat("prompt ", request.prompt_id, ", sample ",
                      request.sample_index);
}

absl::Status ValidatePrompt(const EngineRequest& request,
                            const ModelConfig& config) {
  if (request.prompt == nullptr || request.prompt->empty()) {
    return absl::InvalidArgumentError(
        "the prompt has no tokens; at least one is needed");
  }
  const int64_t length = request.prompt->size();
  if (length >= config.max_positions) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the prompt has ", length, " tokens, but the model's context holds ",
        config.max_positions,
        " and at least one must be left for the completion; shorten the "
        "prompt or use a model with a longer context"));
  }
  for (int64_t i = 0; i < length; ++i) {
    const int32_t id = (*request.prompt)[i];
    if (id < 0 || id >= config.vocab_size) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", i, " of the prompt has id ", id,
                       ", but the vocabulary has ", config.vocab_size,
                       " tokens; does the tokenizer belong to the model?"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int64_t EngineBytes(const ModelConfig& config, const EngineOptions& options) {
  const int64_t rows = options.max_batch + options.prefill_tokens;
  return KvBytes(config, NumPages(config, options)) +
         PackedModelBytes(config, rows, Keep::kAll, /*is_trained=*/false);
}

Engine::Engine(const ModelConfig& config,
               std::shared_ptr<const Tokenizer> tokenizer, Ops* ops,
               const EngineOptions& options)
    : config_(config),
      blocks_(NumPages(config, options)),
      scheduler_({options.max_batch, options.prefill_tokens}, &blocks_),
      stop_checker_(config, tokenizer),
      has_tokenizer_(tokenizer != nullptr),
      ops_(ops),
      transformer_(config, ops),
      sampler_(config, ops),
      cache_(config, blocks_.num_pages(), ops->device()),
      batch_(ops->MakeBatch()),
      arena_(ops->device()) {}

absl::Status Engine::Add(EngineRequest request) {
  absl::Status status = ValidatePrompt(request, config_);
  if (status.ok()) status = ValidateSampling(request.sampling);
  if (status.ok() && !has_tokenizer_ && request.sampling.stop_size() > 0) {
    status = absl::InvalidArgumentError(
        "stop strings need a tokenizer, and the engine has none");
  }
  if (status.ok() && scheduler_.Contains(request.key)) {
    status = absl::AlreadyExistsError(
        absl::StrCat("key ", request.key, " is in use"));
  }
  if (!status.ok()) return Annotate(status, Name(request));
  auto sequence = std::make_unique<Sequence>();
  sequence->max_length = std::min<int64_t>(
      config_.max_positions,
      request.prompt->size() + int64_t{request.sampling.max_new_tokens()});
  sequence->request = std::move(request);
  scheduler_.Add(std::move(sequence));
  return absl::OkStatus();
}

void Engine::Cancel(uint64_t key) { scheduler_.Remove(key); }

void Engine::CancelAll() { scheduler_.Clear(); }

void Engine::Step(const PolicyWeights& weights, std::vector<Finished>* done) {
  if (idle()) return;
  scheduler_.Plan(&plan_);
  for (const StepPlan::PageCopy& copy : plan_.page_copies) {
    cache_.CopyPage(copy.from, copy.to, ops_);
  }
  DrawTokens(weights, Forward(weights));
  ++steps_;
  AcceptTokens(done);
}

// The rows of plan_.draws are among those of the result [T or more, C]: T
// rows, then one for each draw from a prompt's end.
Tensor Engine::Forward(const PolicyWeights& weights) {
  const int64_t T = plan_.tokens.size(), C = config_.hidden_size;
  draw_rows_.clear();
  int64_t rows = T;
  for (const StepPlan::Draw& draw : plan_.draws) {
    draw_rows_.push_back(draw.row < 0 ? rows++ : draw.row);
  }
  ops_->Prepare({.tokens = plan_.tokens,
                 .positions = plan_.positions,
                 .sequences = plan_.sequences,
                 .out_rows = draw_rows_},
                batch_.get());
  arena_.Clear();
  const DType dtype = ops_->device()->activation_dtype();
  const Tensor hidden = arena_.Take(rows, C, dtype);
  if (T > 0) {
    transformer_.Forward(weights, *batch_, &cache_, nullptr, hidden.Rows(0, T));
  }
  for (const StepPlan::PrefixEnd& end : plan_.prefix_ends) {
    end.prefix->last_hidden = Buffer(ops_->device());
    ops_->Copy(hidden.Rows(end.row, 1),
               end.prefix->last_hidden.Reserve(1, C, dtype));
  }
  for (size_t i = 0; i < plan_.draws.size(); ++i) {
    if (plan_.draws[i].row >= 0) continue;
    ops_->Copy(plan_.draws[i].sequence->prefix->last_hidden.Matrix(1, C, dtype),
               hidden.Rows(draw_rows_[i], 1));
  }
  return hidden;
}

void Engine::DrawTokens(const PolicyWeights& weights, Tensor hidden) {
  const size_t count = plan_.draws.size();
  draw_requests_.clear();
  drawn_.resize(count);
  drawn_logprobs_.resize(count);
  for (const StepPlan::Draw& draw : plan_.draws) {
    const Sequence& s = *draw.sequence;
    const EngineRequest& r = s.request;
    draw_requests_.push_back(
        {r.sampling.temperature(), r.sampling.top_p(),
         SamplingBits(r.seed, r.prompt_id, r.sample_index, s.length())});
  }
  sampler_.Draw(weights, hidden, batch_->out_rows, draw_requests_,
                absl::MakeSpan(drawn_), absl::MakeSpan(drawn_logprobs_));
}

void Engine::AcceptTokens(std::vector<Finished>* done) {
  for (size_t i = 0; i < plan_.draws.size(); ++i) {
    Sequence* s = plan_.draws[i].sequence;
    Finished finished;
    finished.key = s->request.key;
    if (std::isfinite(drawn_logprobs_[i])) {
      s->completion.push_back(drawn_[i]);
      s->logprobs.push_back(drawn_logprobs_[i]);
      ++drawn_tokens_;
      const FinishReason reason = stop_checker_.Check(s);
      if (reason == FINISH_UNSPECIFIED) continue;
      Trajectory& t = finished.trajectory;
      t.set_prompt_id(s->request.prompt_id);
      t.set_sample_index(s->request.sample_index);
      t.mutable_tokens()->Add(s->completion.begin(), s->completion.end());
      t.mutable_logprobs()->Add(s->logprobs.begin(), s->logprobs.end());
      t.set_finish_reason(reason);
    } else {
      finished.status = absl::InternalError(absl::StrCat(
          Name(s->request), ": the log-prob of the token at position ",
          s->length(), " is ", drawn_logprobs_[i],
          "; the weights or activations of the model are not finite"));
    }
    scheduler_.Remove(finished.key);
    done->push_back(std::move(finished));
  }
}

EngineStats Engine::stats() const {
  return {scheduler_.stats(), steps_, drawn_tokens_};
}

}  // namespace r1
