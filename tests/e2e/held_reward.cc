#include "tests/e2e/held_reward.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/check.h"
#include "base/file.h"
#include "tests/e2e/program.h"

namespace r1 {
namespace {

// Before a run begins it tries its rewards on so many problems.
constexpr int kProbes = 16;

// Each sample adds a byte to the file "seen". It says that it is not
// deterministic so that no answer of it is kept.
constexpr char kScript[] = R"(import json, os, sys, time
folder, passes = sys.argv[1], int(sys.argv[2])
def say(x):
    print(json.dumps(x), flush=True)
sys.stdin.readline()
say({"version": "1", "range": [0, 1], "deterministic": False})
for line in sys.stdin:
    with open(folder + "/seen", "ab") as seen:
        seen.write(b".")
        seen.flush()
        number = seen.tell()
    while number > passes and not os.path.exists(folder + "/released"):
        time.sleep(0.005)
    say({"id": json.loads(line)["id"], "score": 0})
)";

}  // namespace

HeldReward::HeldReward(const std::string& folder, int passes)
    : folder_(folder), passes_(kProbes + passes) {
  R1_CHECK(WriteFileAtomic(folder_ + "/held.py", kScript).ok(), "the plugin");
  Release();
}

std::vector<std::string> HeldReward::Rules() const {
  return {"--set", "reward.timeout_ms=3600000", "--set",
          "reward.rule=[{name: \"countdown\"}, {name: \"held\" weight: 0}]"};
}

std::string HeldReward::Plugin() const {
  return absl::StrCat("held=python3 ", folder_, "/held.py ", folder_, " ",
                      passes_);
}

std::vector<std::string> HeldReward::RulesAndPlugin() const {
  std::vector<std::string> all = Rules();
  all.push_back("--set");
  all.push_back(absl::StrCat("reward.plugin=\"", Plugin(), "\""));
  return all;
}

void HeldReward::Hold() const {
  for (const char* file : {"/released", "/seen"}) {
    R1_CHECK(RemoveAll(folder_ + file).ok(), "a file of the plugin");
  }
}

bool HeldReward::AwaitHeld() const {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    const auto seen = ReadFile(folder_ + "/seen");
    if (seen.ok() && seen->size() > static_cast<size_t>(passes_)) return true;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

void HeldReward::Release() const {
  R1_CHECK(WriteFileAtomic(folder_ + "/released", "").ok(), "a file for it");
}

}  // namespace r1
