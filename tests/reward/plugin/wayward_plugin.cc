// A reward whose completions say how it is to behave; other completions score
// their length / 1000. Built twice, as version 1 and 2.
#include <r1/reward_plugin.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using r1::plugin::Item;
using r1::plugin::Options;
using r1::plugin::Result;

class Wayward : public r1::plugin::Reward {
 public:
  explicit Wayward(Options& options)
      : scale_(options.Number("scale", 1)), note_(options.Text("note", "")) {
    options.Finish();
  }

  Result Score(const Item& item) override {
    if (item.completion == "crash") std::abort();
    if (item.completion == "exit") std::exit(0);
    if (item.completion == "hang") {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
    if (item.completion == "throw") throw std::runtime_error("as asked");
    if (item.completion == "throw int") throw 1;
    if (item.completion == "nan") return Result::Score(std::nan(""));
    if (item.completion == "high") return Result::Score(1.5);
    if (item.completion == "abstain") return Result::Abstain("no reference");
    if (item.completion == "error") return Result::Error("as asked");
    if (item.completion == "print") std::puts("{\"id\": \"1\", \"score\": 1}");
    if (item.completion == "echo") {
      return Result::Score(0, std::string(item.prompt) + "|" +
                                  std::string(item.reference) + "|" +
                                  std::string(item.group) + "|" +
                                  std::to_string(item.completion_tokens) + "|" +
                                  std::to_string(item.is_truncated) + "|" +
                                  std::to_string(item.max_new_tokens) + "|" +
                                  std::to_string(item.step) + "|" + note_);
    }
    return Result::Score(scale_ * item.completion.size() / 1000.0);
  }

 private:
  const double scale_;
  const std::string note_;
};

}  // namespace

R1_REWARD_PLUGIN(Wayward, R1_TEST_VERSION, 0, 1,
                 R1_REWARD_DETERMINISTIC | R1_REWARD_THREAD_SAFE)
