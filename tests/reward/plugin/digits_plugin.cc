// Scores a completion by how many digits it has, modulo 8; with the option
// crash=N it ends its process on every completion whose length is 0 modulo N.
// tests/e2e/plugin_test.cc has the same in Python.
#include <r1/reward_plugin.h>

#include <algorithm>
#include <cstdlib>

namespace {

using r1::plugin::Item;
using r1::plugin::Options;
using r1::plugin::Result;

class Digits : public r1::plugin::Reward {
 public:
  explicit Digits(Options& options)
      : crash_(static_cast<int>(options.Number("crash", 0))) {
    options.Finish();
  }

  Result Score(const Item& item) override {
    if (crash_ > 0 && item.completion.size() % crash_ == 0) std::abort();
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const auto count =
        std::count_if(item.completion.begin(), item.completion.end(), is_digit);
    return Result::Score(count % 8 / 8.0);
  }

 private:
  const int crash_;
};

}  // namespace

R1_REWARD_PLUGIN(Digits, "1", 0, 1,
                 R1_REWARD_DETERMINISTIC | R1_REWARD_THREAD_SAFE)
