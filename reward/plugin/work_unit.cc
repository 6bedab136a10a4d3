#include "reward/plugin/work_unit.h"

#include <map>
#include <string>
#include <utility>

namespace r1 {

void BatchResults::Set(size_t index, RuleResult result) {
  absl::MutexLock lock(&mutex_);
  if (is_taken_ || is_set_[index]) return;
  results_[index] = std::move(result);
  is_set_[index] = true;
  --num_missing_;
}

std::vector<RuleResult> BatchResults::Take(absl::Time deadline) {
  const auto is_whole = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return num_missing_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&is_whole), deadline);
  is_taken_ = true;
  for (size_t i = 0; i < results_.size(); ++i) {
    if (is_set_[i]) continue;
    results_[i] = RuleResult::Timeout("the plugin has not answered in time");
  }
  return std::move(results_);
}

bool BatchResults::is_taken() const {
  absl::MutexLock lock(&mutex_);
  return is_taken_;
}

std::vector<WorkUnit> MakeWorkUnits(absl::Span<const RewardItem* const> items,
                                    bool by_group, const RuleContext& context,
                                    std::shared_ptr<BatchResults> results) {
  std::vector<WorkUnit> units;
  std::map<std::string, size_t> unit_of_group;
  for (size_t i = 0; i < items.size(); ++i) {
    size_t place = units.size();
    if (by_group && !items[i]->group().empty()) {
      place = unit_of_group.insert({items[i]->group(), place}).first->second;
    }
    if (place == units.size()) {
      units.emplace_back();
      units.back().results = results;
      units.back().context = context;
    }
    units[place].items.push_back(*items[i]);
    units[place].places.push_back(i);
  }
  return units;
}

}  // namespace r1
