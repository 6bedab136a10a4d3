// brevity: pays for short answers. 1 for an <answer> of at most `words` words,
// words / its number of words for a longer one, 0 for none.
#include <r1/reward_plugin.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

class BrevityReward : public r1::plugin::Reward {
 public:
  explicit BrevityReward(r1::plugin::Options& options)
      : words_(options.Number("words", 4)) {
    options.Finish();  // refuses the options that were not read
    if (!(words_ >= 1)) {
      throw std::invalid_argument("option \"words\": expected 1 or more");
    }
  }

  Result Score(const Item& item) override {
    const auto begin = item.completion.rfind("<answer>");
    const auto end = item.completion.rfind("</answer>");
    if (begin == item.completion.npos || end == item.completion.npos ||
        end < begin) {
      return Result::Score(0, "no answer");  // malformed is a low score
    }
    std::istringstream answer(
        std::string(item.completion.substr(begin + 8, end - begin - 8)));
    int count = 0;
    for (std::string word; answer >> word;) ++count;
    if (count == 0) return Result::Score(0, "the answer is empty");
    return Result::Score(std::min(1.0, words_ / count),
                         std::to_string(count) + " words");
  }

 private:
  const double words_;
};

}  // namespace

// The author's version, the lowest and the highest score, what it promises.
R1_REWARD_PLUGIN(BrevityReward, "1.0", 0, 1,
                 R1_REWARD_DETERMINISTIC | R1_REWARD_THREAD_SAFE)
