#include "reward/sandbox/verdict.h"

#include <string>

#include "gtest/gtest.h"
#include "reward/sandbox/preflight.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

RunFacts Ended(int wait_status) {
  RunFacts facts;
  facts.has_ended = 1;
  facts.wait_status = wait_status;
  return facts;
}

RunOrder SomeOrder() {
  RunOrder order;
  order.memory_bytes = 100 << 20;
  return order;
}

TEST(VerdictTest, TheFirstCauseThatAppliesIsTheVerdict) {
  RunFacts facts = Ended(0);
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kOk);
  facts = Ended(256);
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kRuntimeError);
  facts.is_over_wall = 1;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kTimeLimit);
  facts.refused_forks = 1;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kProcessLimit);
  facts.oom_kills = 1;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kMemoryLimit);
  facts.is_over_output = 1;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kOutputLimit);
  facts.error = "broken";
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kSandboxError);
}

TEST(VerdictTest, AnEndNobodySawIsNotTheProgramsFault) {
  EXPECT_EQ(VerdictOf(RunFacts(), SomeOrder(), true), Verdict::kSandboxError);
}

TEST(VerdictTest, WithoutACgroupFailureNearTheLimitIsMemory) {
  RunFacts facts = Ended(256);
  facts.peak_bytes = 95 << 20;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), false), Verdict::kMemoryLimit);
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), true), Verdict::kRuntimeError);
  facts.peak_bytes = 50 << 20;
  EXPECT_EQ(VerdictOf(facts, SomeOrder(), false), Verdict::kRuntimeError);
}

TEST(ProtocolTest, MessagesSurviveAndTruncatedOnesAreRefused) {
  RunOrder order = SomeOrder();
  order.argv = {"/bin/true", std::string("a\0b", 3)};
  order.files = {{"x", "content"}};
  order.standard_input = "input";
  order.processes = 7;
  const std::string bytes = order.Pack();
  RunOrder copy;
  ASSERT_TRUE(copy.Unpack(bytes));
  EXPECT_EQ(copy.Pack(), bytes);
  EXPECT_EQ(copy.argv[1], std::string("a\0b", 3));
  EXPECT_EQ(copy.processes, 7u);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(copy.Unpack(bytes.substr(0, size))) << size;
  }
}

TEST(PreflightTest, ALevelBelowTheRequiredOneNamesWhatFailed) {
  Preflight preflight;
  preflight.level = SandboxLevel::kIsolated;
  preflight.probes = {{"memory ends", false, true, "expected MLE, got OK"}};
  EXPECT_TRUE(preflight.Require(SandboxLevel::kIsolated).ok());
  const absl::Status status = preflight.Require(SandboxLevel::kFull);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "sandbox: untrusted code is refused: this machine reaches level "
            "isolated, level full is required; failed: memory ends (expected "
            "MLE, got OK); run as root or allow user namespaces, and see `r1 "
            "sandbox check`");
}

TEST_F(SandboxTest, PreflightReachesTheLevelOfItsCgroups) {
  const Preflight preflight = RunPreflight(sandbox_.get());
  for (const ProbeResult& probe : preflight.probes) {
    if (!probe.is_for_full || has_cgroups()) {
      EXPECT_TRUE(probe.is_contained) << probe.name << ": " << probe.detail;
    }
  }
  EXPECT_GE(preflight.probes.size(), 12u);
  EXPECT_EQ(preflight.level,
            has_cgroups() ? SandboxLevel::kFull : SandboxLevel::kIsolated);
}

}  // namespace
}  // namespace r1
