#include "rollout/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace r1 {

void StepPlan::Clear() {
  page_copies.clear();
  tokens.clear();
  positions.clear();
  sequences.clear();
  prefix_ends.clear();
  draws.clear();
}

Scheduler::Scheduler(const SchedulerOptions& options, BlockManager* blocks)
    : options_(options), blocks_(blocks) {
  R1_CHECK(options.max_batch >= 1, "at least one sample runs");
  R1_CHECK(options.prefill_tokens >= 1, "prompts make progress");
}

void Scheduler::Add(std::unique_ptr<Sequence> sequence) {
  sequence->prefix = FindOrMakePrefix(sequence->request.prompt);
  ++sequence->prefix->num_sequences;
  const bool is_new =
      by_key_.emplace(sequence->request.key, sequence.get()).second;
  R1_CHECK(is_new, "keys are unique");
  waiting_.push_back(std::move(sequence));
}

std::unique_ptr<Sequence> Scheduler::Remove(uint64_t key) {
  const auto entry = by_key_.find(key);
  if (entry == by_key_.end()) return nullptr;
  const auto is_it = [&](const std::unique_ptr<Sequence>& s) {
    return s.get() == entry->second;
  };
  std::unique_ptr<Sequence> sequence;
  if (auto it = std::find_if(running_.begin(), running_.end(), is_it);
      it != running_.end()) {
    sequence = std::move(*it);
    running_.erase(it);
    --sequence->prefix->num_running;
  } else {
    auto waiting = std::find_if(waiting_.begin(), waiting_.end(), is_it);
    sequence = std::move(*waiting);
    waiting_.erase(waiting);
  }
  by_key_.erase(entry);
  ReleasePages(&sequence->pages);
  if (--sequence->prefix->num_sequences == 0) DropPrefix(sequence->prefix);
  return sequence;
}

void Scheduler::Clear() {
  while (!running_.empty()) Remove(running_.back()->request.key);
  while (!waiting_.empty()) Remove(waiting_.back()->request.key);
}

Prefix* Scheduler::FindOrMakePrefix(
    const std::shared_ptr<const std::vector<int32_t>>& tokens) {
  const auto entry = by_tokens_.find(absl::MakeConstSpan(*tokens));
  if (entry != by_tokens_.end()) return entry->second;
  prefixes_.push_back(std::make_unique<Prefix>());
  Prefix* prefix = prefixes_.back().get();
  prefix->tokens = tokens;
  by_tokens_.emplace(absl::MakeConstSpan(*tokens), prefix);
  return prefix;
}

void Scheduler::DropPrefix(Prefix* prefix) {
  ReleasePages(&prefix->pages);
  by_tokens_.erase(absl::MakeConstSpan(*prefix->tokens));
  prefixes_.erase(std::find_if(
      prefixes_.begin(), prefixes_.end(),
      [&](const std::unique_ptr<Prefix>& p) { return p.get() == prefix; }));
}

void Scheduler::ReleasePages(std::vector<int32_t>* pages) {
  for (int32_t page : *pages) blocks_->Release(page);
  pages->clear();
}

// The youngest goes first: its samples are the last in the queue.
bool Scheduler::EvictIdlePrefix(const Prefix* except) {
  for (auto it = prefixes_.rbegin(); it != prefixes_.rend(); ++it) {
    Prefix* prefix = it->get();
    if (prefix == except || prefix->num_running > 0 || prefix->pages.empty()) {
      continue;
    }
    ReleasePages(&prefix->pages);
    prefix->num_computed = 0;
    return true;
  }
  return false;
}

void Scheduler::Admit() {
  while (!waiting_.empty() &&
         static_cast<int>(running_.size()) < options_.max_batch) {
    Sequence* s = waiting_.front().get();
    Prefix* prefix = s->prefix;
    const int64_t prompt_pages =
        prefix->pages.empty() ? KvPages::PagesFor(prefix->length()) : 0;
    // Room for what is known and one token more, without the shared pages.
    const int64_t own_pages =
        KvPages::PagesFor(std::min(s->length() + 1, s->max_length)) -
        prefix->length() / kPageTokens;
    // One page for each running sample, so that nobody is admitted only to
    // give way at once.
    const int64_t reserve = running_.size();
    if (blocks_->num_free() < prompt_pages + own_pages + reserve) {
      if (EvictIdlePrefix(prefix)) continue;
      R1_CHECK(!running_.empty(), "the pool holds the longest sequence");
      return;
    }
    for (int64_t i = 0; i < prompt_pages; ++i) {
      prefix->pages.push_back(blocks_->Allocate());
    }
    ++prefix->num_running;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// The youngest running sample gives its pages back and waits at the front.
void Scheduler::Preempt() {
  std::unique_ptr<Sequence> s = std::move(running_.back());
  running_.pop_back();
  --s->prefix->num_running;
  if (s->num_computed > 0) ++stats_.preemptions;
  ReleasePages(&s->pages);
  s->num_computed = 0;
  waiting_.push_front(std::move(s));
}

// Pages for the first `length` positions. False if the sample itself had to
// give way.
bool Scheduler::MakeRoom(Sequence* s, int64_t length, StepPlan* plan) {
  const int64_t shared = s->prefix->length() / kPageTokens;
  if (s->pages.empty()) {
    for (int64_t i = 0; i < shared; ++i) {
      blocks_->Share(s->prefix->pages[i]);
      s->pages.push_back(s->prefix->pages[i]);
    }
  }
  while (static_cast<int64_t>(s->pages.size()) < KvPages::PagesFor(length)) {
    const int32_t page = blocks_->Allocate();
    if (page < 0) {
      if (EvictIdlePrefix(nullptr)) continue;
      const bool is_youngest = running_.back().get() == s;
      Preempt();
      if (is_youngest) return false;
      continue;
    }
    // The prompt's partly filled last page goes on with this sample's tokens.
    if (static_cast<int64_t>(s->pages.size()) == shared &&
        s->prefix->length() % kPageTokens != 0) {
      plan->page_copies.push_back({s->prefix->pages[shared], page});
    }
    s->pages.push_back(page);
  }
  return true;
}

void Scheduler::Plan(StepPlan* plan) {
  plan->Clear();
  Admit();
  int64_t budget = options_.prefill_tokens;
  PlanDecode(&budget, plan);
  PlanPrefill(budget, plan);
  PlanFirstDraws(plan);
}

// One row for every sample that has drawn a token; more for one that was
// preempted, out of the prefill budget.
void Scheduler::PlanDecode(int64_t* budget, StepPlan* plan) {
  // MakeRoom may shorten running_, always from its end.
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence* s = running_[i].get();
    if (s->completion.empty() || !s->prefix->is_complete()) continue;
    const int64_t begin = std::max(s->num_computed, s->prefix->length());
    const int64_t missing = s->length() - begin;
    const int64_t count = std::min(missing, std::max<int64_t>(1, *budget));
    if (!MakeRoom(s, begin + count, plan)) return;
    if (missing > 1) *budget -= count;
    const int64_t row = plan->tokens.size();
    for (int64_t p = begin; p < begin + count; ++p) {
      plan->tokens.push_back(s->token(p));
      plan->positions.push_back(p);
    }
    plan->sequences.push_back({row, count, begin, s->pages});
    s->num_computed = begin + count;
    const bool is_caught_up = s->num_computed == s->length();
    stats_.recomputed_tokens += count - (is_caught_up ? 1 : 0);
    if (is_caught_up) {
      ++stats_.decoded_tokens;
      plan->draws.push_back({s, row + count - 1});
    }
  }
}

void Scheduler::PlanPrefill(int64_t budget, StepPlan* plan) {
  for (const std::unique_ptr<Sequence>& s : running_) {
    Prefix* prefix = s->prefix;
    if (budget <= 0) return;
    if (prefix->is_complete()) continue;
    const int64_t begin = prefix->num_computed;
    const int64_t count = std::min(prefix->length() - begin, budget);
    budget -= count;
    const int64_t row = plan->tokens.size();
    for (int64_t p = begin; p < begin + count; ++p) {
      plan->tokens.push_back((*prefix->tokens)[p]);
      plan->positions.push_back(p);
    }
    plan->sequences.push_back({row, count, begin, prefix->pages});
    prefix->num_computed = begin + count;
    stats_.prefilled_tokens += count;
    if (prefix->is_complete()) {
      plan->prefix_ends.push_back({prefix, row + count - 1});
    }
    // A chunk cut short by the budget: the loop ends at the check above.
  }
}

void Scheduler::PlanFirstDraws(StepPlan* plan) {
  for (const std::unique_ptr<Sequence>& s : running_) {
    if (s->completion.empty() && s->prefix->is_complete()) {
      plan->draws.push_back({s.get(), -1});
    }
  }
}

}  // namespace r1
