// same_answer: 1 for an <answer> that is the row's "answer", `near` for one
// that contains it, 0 for others and for none.
#include <r1/reward_plugin.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace {

// Without the white space around it.
std::string_view Stripped(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

class SameAnswerReward : public r1::plugin::Reward {
 public:
  explicit SameAnswerReward(r1::plugin::Options& options)
      : near_(options.Number("near", 0.1)) {
    options.Finish();  // refuses the options that were not read
    if (!(near_ >= 0 && near_ <= 1)) {
      throw std::invalid_argument("option \"near\": expected 0 to 1");
    }
  }

  Result Score(const Item& item) override {
    const std::string_view truth = Stripped(item.answer);
    if (truth.empty()) return Result::Abstain("no answer to compare with");
    const auto begin = item.completion.rfind("<answer>");
    const auto end = item.completion.rfind("</answer>");
    if (begin == item.completion.npos || end == item.completion.npos ||
        end < begin) {
      return Result::Score(0, "no answer");  // malformed is a low score
    }
    const std::string_view answer =
        Stripped(item.completion.substr(begin + 8, end - begin - 8));
    if (answer == truth) return Result::Score(1);
    const bool is_near = answer.find(truth) != answer.npos;
    return Result::Score(is_near ? near_ : 0, std::string(answer));
  }

 private:
  const double near_;
};

}  // namespace

// The author's version, the lowest and the highest score, what it promises.
R1_REWARD_PLUGIN(SameAnswerReward, "1.0", 0, 1,
                 R1_REWARD_DETERMINISTIC | R1_REWARD_THREAD_SAFE)
