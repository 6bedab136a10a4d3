#include "reward/service/reply_check.h"

#include <cmath>
#include <cstddef>
#include <unordered_map>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "reward/core/result.h"
#include "reward/core/text.h"

namespace r1 {
namespace {

bool DoesNotApply(const RewardResult& result, absl::string_view rule) {
  return absl::c_linear_search(result.not_applicable(), rule);
}

// What is wrong with the components; empty if nothing.
std::string ComponentsProblem(const RewardResult& result,
                              const ScoreRequest& request) {
  const int64_t step = request.step();
  int next = 0;  // component
  for (const RewardRuleSpec& rule : request.rules()) {
    const bool is_there = next < result.components_size() &&
                          result.components(next).name() == rule.name();
    if (is_there && !std::isfinite(result.components(next).value())) {
      return absl::StrCat("component \"", rule.name(), "\" is ",
                          result.components(next).value());
    }
    const bool is_absent = DoesNotApply(result, rule.name());
    if (is_there && is_absent) {
      return absl::StrCat("rule \"", rule.name(),
                          "\" does not apply and has a component");
    }
    if (is_there) {
      ++next;
    } else if (result.kind() == REWARD_SCORE && rule.weight() != 0 &&
               !is_absent && (step == 0 || rule.from_step() <= step)) {
      return absl::StrCat("component \"", rule.name(), "\" is missing");
    }
  }
  if (next == result.components_size()) return "";
  return absl::StrCat("component \"", Excerpt(result.components(next).name()),
                      "\" is not the next rule of the request");
}

// What is wrong with one result; empty if nothing.
std::string ResultProblem(const RewardResult& result,
                          const ScoreRequest& request) {
  if (result.kind() == REWARD_UNSPECIFIED ||
      !RewardKind_IsValid(result.kind())) {
    return absl::StrCat("unknown kind ", static_cast<int>(result.kind()));
  }
  if (result.kind() == REWARD_SCORE &&
      !(std::isfinite(result.total()) && std::isfinite(result.raw_total()))) {
    return absl::StrCat("the total is ", result.total(), ", raw ",
                        result.raw_total());
  }
  for (const auto& [name, value] : result.metrics()) {
    if (std::isfinite(value)) continue;
    return absl::StrCat("the metric \"", Excerpt(name), "\" is ", value);
  }
  return ComponentsProblem(result, request);
}

// A whole result that does not apply is an abstention to which no rule applies.
RewardResult WithoutNotApplicable(RewardResult result,
                                  const ScoreRequest& request) {
  if (result.kind() != REWARD_NOT_APPLICABLE) return result;
  result.set_kind(REWARD_ABSTAIN);
  result.clear_not_applicable();
  for (const RewardRuleSpec& rule : request.rules()) {
    result.add_not_applicable(rule.name());
  }
  return result;
}

}  // namespace

std::vector<RewardResult> CheckedResults(const ScoreRequest& request,
                                         const ScoreReply& reply,
                                         absl::string_view server,
                                         int* num_unknown_ids) {
  std::unordered_map<std::string, std::vector<const RewardResult*>> by_id;
  for (const RewardItem& item : request.items()) by_id[item.id()];
  *num_unknown_ids = 0;
  for (const RewardResult& result : reply.results()) {
    const auto it = by_id.find(result.id());
    if (it == by_id.end()) {
      ++*num_unknown_ids;
    } else {
      it->second.push_back(&result);
    }
  }
  std::vector<RewardResult> results;
  for (const RewardItem& item : request.items()) {
    const auto& given = by_id[item.id()];
    std::string problem;
    if (given.size() == 1) {
      problem = ResultProblem(*given[0], request);
    } else {
      problem = absl::StrCat(given.size(), " results, expected one");
    }
    if (problem.empty()) {
      results.push_back(WithoutNotApplicable(*given[0], request));
    } else {
      results.push_back(ErrorResult(
          item.id(), absl::StrCat("sample ", item.id(), ": reward server ",
                                  server, " gave a bad result: ", problem)));
    }
  }
  return results;
}

}  // namespace r1
