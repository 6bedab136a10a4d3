#include "reward/conformance/conformance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "proto/reward_result.h"
#include "reward/conformance/conformance_texts.h"
#include "reward/core/json_lines.h"
#include "reward/core/score_pool.h"
#include "reward/core/scorer.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kTolerance = 1e-9;
constexpr int kThreads = 8;

RewardItem ItemOf(std::string completion, const std::string& reference) {
  RewardItem item;
  item.set_completion(std::move(completion));
  item.set_reference(reference);
  item.set_completion_tokens(
      static_cast<int32_t>(item.completion().size() / 4));
  return item;
}

std::string Shown(const RewardResult& result) {
  if (result.kind() == REWARD_SCORE) return absl::StrCat(result.total());
  return absl::StrCat(RewardKindName(result.kind()), " (", result.detail(),
                      ")");
}

std::string Expected(const GoldenCase& golden) {
  return golden.kind == REWARD_SCORE ? absl::StrCat(golden.score)
                                     : std::string(RewardKindName(golden.kind));
}

bool IsEqual(const RewardResult& a, const RewardResult& b) {
  return a.kind() == b.kind() &&
         (a.kind() != REWARD_SCORE || a.total() == b.total());
}

class Checker {
 public:
  Checker(const RewardRegistry& registry, const RewardRuleSpec& spec,
          const ConformanceOptions& options)
      : registry_(registry),
        spec_(spec),
        options_(options),
        pool_(options.threads, options.item_limit) {}

  std::vector<ConformanceCheck> Run() {
    Check("start", [&] { return Start(); });
    if (checks_.back().outcome == CheckOutcome::kFailed) {
      return std::move(checks_);
    }
    Check("options", [&] { return UnknownOption(); });
    Check("golden", [&] { return Golden(); });
    Check("counts", [&] { return Counts(); });
    Check("unicode", [&] { return Survives(UnicodeTexts()); });
    Check("size", [&] { return Survives(HugeTexts()); });
    Check("determinism", [&] { return Determinism(); });
    Check("threads", [&] { return Threads(); });
    Check("reference", [&] { return UnusableReference(); });
    Check("hacks", [&] { return Hacks(); });
    return std::move(checks_);
  }

 private:
  // OK with what to say, Unavailable for a check that does not apply, or any
  // other error for one that failed.
  using Outcome = absl::StatusOr<std::string>;

  static absl::Status Skip(absl::string_view why) {
    return absl::UnavailableError(why);
  }
  template <typename... Parts>
  static absl::Status Fail(const Parts&... parts) {
    return absl::FailedPreconditionError(absl::StrCat(parts...));
  }

  void Check(const std::string& name, const std::function<Outcome()>& body) {
    scorer_.reset();
    const Outcome outcome = body();
    ConformanceCheck check;
    check.name = name;
    if (outcome.ok()) {
      check.detail = *outcome;
    } else {
      check.outcome = absl::IsUnavailable(outcome.status())
                          ? CheckOutcome::kSkipped
                          : CheckOutcome::kFailed;
      check.detail = std::string(outcome.status().message());
    }
    checks_.push_back(std::move(check));
  }

  // A new instance of the reward.
  absl::Status MakeScorer() {
    scorer_.reset();
    auto scorer = Scorer::Create(registry_, {{spec_}}, RuleContext());
    if (!scorer.ok()) return Fail(scorer.status().message());
    scorer_ = std::make_unique<Scorer>(*std::move(scorer));
    return absl::OkStatus();
  }

  // The results of items, in their order; ids are set here.
  absl::StatusOr<std::vector<RewardResult>> Score(
      std::vector<RewardItem> items) {
    if (scorer_ == nullptr) R1_RETURN_IF_ERROR(MakeScorer());
    for (size_t i = 0; i < items.size(); ++i) {
      items[i].set_id(absl::StrCat("sample-", i));
      if (items[i].group().empty()) items[i].set_group("g");
    }
    const size_t count = items.size();
    R1_ASSIGN_OR_RETURN(
        std::vector<RewardResult> results,
        pool_.ScoreAll(*scorer_, std::move(items), absl::InfiniteFuture()));
    if (results.size() != count) {
      return Fail(results.size(), " results for ", count, " samples");
    }
    return results;
  }

  // Ordinary items, as many as wanted.
  std::vector<RewardItem> Probes(size_t count) const {
    std::vector<RewardItem> items;
    for (const GoldenCase& c : options_.cases) items.push_back(c.item);
    const std::string reference =
        items.empty() ? R"({"answer":"72"})" : items[0].reference();
    for (const std::string& text : OrdinaryTexts()) {
      items.push_back(ItemOf(text, reference));
    }
    const size_t distinct = items.size();
    for (size_t i = distinct; i < count; ++i) {
      items.push_back(items[i % distinct]);
    }
    if (items.size() > count) items.resize(count);
    return items;
  }

  Outcome Start() {
    const RuleOptions options(spec_.option().begin(), spec_.option().end());
    auto rule = registry_.Make(spec_.name(), options);
    if (!rule.ok()) return Fail(rule.status().message());
    const ScoreRange range = (*rule)->range();
    R1_ASSIGN_OR_RETURN(const auto results, Score(Probes(1)));
    std::string said =
        absl::StrCat("range [", range.lowest, ", ", range.highest, "]");
    if ((*rule)->compares_samples())
      absl::StrAppend(&said, ", compares samples");
    for (const auto& [name, version] : results[0].versions()) {
      absl::StrAppend(&said, ", version ", version);
    }
    return said;
  }

  Outcome UnknownOption() {
    RewardRuleSpec spec = spec_;
    spec.mutable_option()->insert({"no_such_option", "1"});
    const auto scorer = Scorer::Create(registry_, {{spec}}, RuleContext());
    if (scorer.ok()) {
      return Fail("the unknown option \"no_such_option\" is accepted: a ",
                  "misspelt one would be too");
    }
    return "an unknown one is refused";
  }

  Outcome Golden() {
    if (options_.cases.empty()) return Skip("no cases were given");
    std::vector<RewardItem> items;
    for (const GoldenCase& c : options_.cases) items.push_back(c.item);
    R1_ASSIGN_OR_RETURN(const auto results, Score(items));
    for (size_t i = 0; i < results.size(); ++i) {
      const GoldenCase& c = options_.cases[i];
      const bool is_right =
          results[i].kind() == c.kind &&
          (c.kind != REWARD_SCORE ||
           std::abs(results[i].total() - c.score) <= kTolerance);
      if (is_right) continue;
      return Fail("case ", i + 1, ", \"", Excerpt(c.item.completion()),
                  "\": expected ", Expected(c), ", got ", Shown(results[i]));
    }
    return absl::StrCat(results.size(), " cases");
  }

  Outcome Counts() {
    for (const size_t count : {1, 2, 3, 63, 64, 65, 300}) {
      R1_ASSIGN_OR_RETURN(const auto results, Score(Probes(count)));
      R1_RETURN_IF_ERROR(AllAnswered(results));
    }
    return "1 to 300 samples, one result each";
  }

  static absl::Status AllAnswered(const std::vector<RewardResult>& results) {
    for (const RewardResult& result : results) {
      if (IsFailure(result)) return Fail(result.id(), ": ", Shown(result));
    }
    return absl::OkStatus();
  }

  // Each text alone, so that a failure has one cause.
  Outcome Survives(const std::vector<NamedText>& texts) {
    for (const NamedText& text : texts) {
      const RewardItem item = ItemOf(text.text, Probes(1)[0].reference());
      R1_ASSIGN_OR_RETURN(const auto results, Score({item}));
      if (IsFailure(results[0])) {
        return Fail(text.name, ": ", Shown(results[0]));
      }
    }
    return absl::StrCat(texts.size(), " texts");
  }

  Outcome Determinism() {
    const std::vector<RewardItem> items = Probes(40);
    R1_ASSIGN_OR_RETURN(const auto first, Score(items));
    R1_ASSIGN_OR_RETURN(const auto again, Score(items));
    std::vector<RewardItem> reversed(items.rbegin(), items.rend());
    R1_ASSIGN_OR_RETURN(auto backwards, Score(reversed));
    std::reverse(backwards.begin(), backwards.end());
    R1_RETURN_IF_ERROR(MakeScorer());
    R1_ASSIGN_OR_RETURN(const auto anew, Score(items));
    R1_RETURN_IF_ERROR(AllEqual(first, again, "the second time"));
    R1_RETURN_IF_ERROR(AllEqual(first, backwards, "in another order"));
    R1_RETURN_IF_ERROR(AllEqual(first, anew, "from another instance"));
    if (scorer_->compares_samples()) return "in batches and orders";
    for (size_t i = 0; i < items.size(); ++i) {
      R1_ASSIGN_OR_RETURN(const auto alone, Score({items[i]}));
      R1_RETURN_IF_ERROR(AllEqual({first[i]}, alone, "alone"));
    }
    return "in batches and alone, in any order, by any instance";
  }

  static absl::Status AllEqual(const std::vector<RewardResult>& a,
                               const std::vector<RewardResult>& b,
                               absl::string_view when) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (!IsEqual(a[i], b[i])) {
        return Fail(a[i].id(), ": ", Shown(a[i]), " at first, ", when, " ",
                    Shown(b[i]));
      }
    }
    return absl::OkStatus();
  }

  Outcome Threads() {
    const std::vector<RewardItem> items = Probes(40);
    R1_ASSIGN_OR_RETURN(const auto first, Score(items));
    std::vector<absl::StatusOr<std::vector<RewardResult>>> results(
        kThreads, absl::UnknownError("not run"));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] { results[t] = Score(items); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& result : results) {
      R1_RETURN_IF_ERROR(result.status());
      R1_RETURN_IF_ERROR(
          AllEqual(first, *result, "from several threads at once"));
    }
    return absl::StrCat(kThreads, " threads at once");
  }

  // The golden cases with the best score, if there are worse ones too.
  std::vector<const GoldenCase*> TopCases() const {
    std::vector<const GoldenCase*> top;
    bool has_worse = false;
    for (const GoldenCase& c : options_.cases) {
      if (c.kind != REWARD_SCORE) continue;
      has_worse |= !top.empty() && c.score != top[0]->score;
      if (!top.empty() && c.score > top[0]->score) top.clear();
      if (top.empty() || c.score == top[0]->score) top.push_back(&c);
    }
    return has_worse ? top : std::vector<const GoldenCase*>();
  }

  // Whether the best completion is worth less for another reference.
  absl::StatusOr<bool> DependsOnReference(const GoldenCase& top) {
    RewardItem item = top.item;
    item.set_reference(R"({"answer":"no answer like this one"})");
    R1_ASSIGN_OR_RETURN(const auto results, Score({item}));
    return results[0].kind() != REWARD_SCORE || results[0].total() < top.score;
  }

  Outcome UnusableReference() {
    const auto top = TopCases();
    if (top.empty()) return Skip("needs cases with different scores");
    R1_ASSIGN_OR_RETURN(const bool depends, DependsOnReference(*top[0]));
    if (!depends) return Skip("the score does not depend on the reference");
    for (const char* reference : {"", "{}", "[]", "null", R"({"answer":""})",
                                  R"({"answer":null})", "{\"answer\":"}) {
      RewardItem item = top[0]->item;
      item.set_reference(reference);
      R1_ASSIGN_OR_RETURN(const auto results, Score({item}));
      if (results[0].kind() == REWARD_SCORE &&
          results[0].total() >= top[0]->score) {
        return Fail("the reference ", *reference == 0 ? "\"\"" : reference,
                    " pays ", results[0].total(),
                    ": abstain where there is nothing to compare with");
      }
    }
    return "an unusable one does not pay";
  }

  Outcome Hacks() {
    const auto top = TopCases();
    if (top.empty()) return Skip("needs cases with different scores");
    R1_ASSIGN_OR_RETURN(const bool depends, DependsOnReference(*top[0]));
    if (!depends) return Skip("the score does not depend on the reference");
    std::set<std::string> references;
    int count = 0;
    for (const GoldenCase* c : top) {
      const Json reference = Json::parse(c->item.reference(), nullptr, false);
      const bool has_answer =
          reference.is_object() && reference.contains("answer");
      if (!has_answer || !references.insert(c->item.reference()).second) {
        continue;
      }
      const Json& answer = reference["answer"];
      std::vector<RewardItem> items;
      for (std::string& text :
           HackStrings(answer.is_string() ? answer.get<std::string>()
                                          : answer.dump())) {
        items.push_back(c->item);
        items.back().set_completion(std::move(text));
      }
      R1_ASSIGN_OR_RETURN(const auto results, Score(items));
      for (size_t i = 0; i < results.size(); ++i, ++count) {
        if (results[i].kind() != REWARD_SCORE ||
            results[i].total() < c->score) {
          continue;
        }
        return Fail("pays ", results[i].total(), " for \"",
                    Excerpt(items[i].completion()), "\"");
      }
    }
    if (count == 0) return Skip("no reference has an \"answer\"");
    return absl::StrCat(count, " texts, none paid in full");
  }

  const RewardRegistry& registry_;
  const RewardRuleSpec& spec_;
  const ConformanceOptions& options_;
  std::unique_ptr<Scorer> scorer_;  // of the check under way
  ScorePool pool_;                  // its threads use the scorer's rules
  std::vector<ConformanceCheck> checks_;
};

// The "expect" of a line.
absl::Status ReadExpectation(absl::string_view line, GoldenCase* golden) {
  const Json object = Json::parse(line.begin(), line.end(), nullptr, false);
  const Json expect =
      object.contains("expect") ? object["expect"] : Json(nullptr);
  if (expect.is_number()) {
    golden->kind = REWARD_SCORE;
    golden->score = expect.get<double>();
  } else if (expect == "abstain") {
    golden->kind = REWARD_ABSTAIN;
  } else if (expect == "error") {
    golden->kind = REWARD_ERROR;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"expect\": expected a number, \"abstain\" or \"error\", got ",
        Excerpt(expect.dump(-1, ' ', true, Json::error_handler_t::replace))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<GoldenCase>> ParseGoldenCases(
    absl::string_view text, const std::string& name) {
  std::vector<GoldenCase> cases;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    const std::string where = absl::StrCat(name, ":", number);
    auto parsed = ParseItemLine(line);
    R1_RETURN_IF_ERROR(Annotate(parsed.status(), where));
    GoldenCase golden;
    golden.item = std::move(parsed->item);
    R1_RETURN_IF_ERROR(Annotate(ReadExpectation(line, &golden), where));
    cases.push_back(std::move(golden));
  }
  return cases;
}

std::vector<ConformanceCheck> CheckConformance(
    const RewardRegistry& registry, const RewardRuleSpec& spec,
    const ConformanceOptions& options) {
  return Checker(registry, spec, options).Run();
}

}  // namespace r1
