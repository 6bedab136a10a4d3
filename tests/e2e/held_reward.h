// A reward that holds a run in its middle until the test lets it go on.
#ifndef R1_TESTS_E2E_HELD_REWARD_H_
#define R1_TESTS_E2E_HELD_REWARD_H_

#include <string>
#include <vector>

namespace r1 {

// A rule of weight 0 beside the task's own, judged by a plugin. When told to
// hold, it answers for `passes` samples, of all its processes together, and for
// no more until it is released: whatever must happen in the middle of a run
// happens there, on a machine of any speed.
class HeldReward {
 public:
  // Writes the plugin into the folder. Released at first. TinyTrain() has 16
  // samples a step, and evaluates the base by 8.
  HeldReward(const std::string& folder, int passes);

  // Arguments of a run: the rules, and time enough for what is held.
  std::vector<std::string> Rules() const;
  // NAME=TARGET, as runs and reward servers take it.
  std::string Plugin() const;
  // Rules() and the plugin, for a run that scores by itself.
  std::vector<std::string> RulesAndPlugin() const;

  void Hold() const;
  // Waits until a sample is held; false after a few minutes.
  bool AwaitHeld() const;
  void Release() const;

 private:
  const std::string folder_;
  const int passes_;
};

}  // namespace r1

#endif  // R1_TESTS_E2E_HELD_REWARD_H_
