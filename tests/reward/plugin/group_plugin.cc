// Scores each sample by its share of its group's bytes; a group with "crash" in
// it crashes.
#include <r1/reward_plugin.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace {

using r1::plugin::Item;
using r1::plugin::Options;
using r1::plugin::Result;

class Share : public r1::plugin::Reward {
 public:
  explicit Share(Options&) {}

  std::vector<Result> ScoreGroup(const std::vector<Item>& items) override {
    double sum = 0;
    for (const Item& item : items) {
      if (item.completion == "crash") std::abort();
      sum += item.completion.size();
    }
    std::vector<Result> results;
    for (const Item& item : items) {
      results.push_back(Result::Score(item.completion.size() / sum,
                                      std::to_string(items.size())));
    }
    return results;
  }
};

}  // namespace

R1_REWARD_PLUGIN(Share, "g", 0, 1, R1_REWARD_COMPARES_SAMPLES)
