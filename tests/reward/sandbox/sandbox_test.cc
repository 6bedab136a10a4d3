// Limits, streams, files and accounting of single runs.
#include "reward/sandbox/sandbox.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/reward/sandbox/sandbox_testing.h"

namespace r1 {
namespace {

using ::testing::HasSubstr;

TEST_F(SandboxTest, ExecutesAProgramWithItsStreams) {
  RunRequest run = ExecRun({"/bin/sh", "-c", "cat; echo problem >&2"});
  run.standard_input = "text\n";
  const RunResult result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kOk) << result.detail;
  EXPECT_EQ(result.standard_output, "text\n");
  EXPECT_EQ(result.standard_error, "problem\n");
}

TEST_F(SandboxTest, TellsExitCodesFromSignals) {
  const RunResult code = sandbox_->Run(ExecRun({"/bin/sh", "-c", "exit 7"}));
  EXPECT_EQ(code.verdict, Verdict::kRuntimeError);
  EXPECT_EQ(code.exit_code, 7);
  EXPECT_EQ(code.signal, 0);
  const RunResult signal =
      sandbox_->Run(ExecRun({"/bin/sh", "-c", "kill -SEGV $$"}));
  EXPECT_EQ(signal.verdict, Verdict::kRuntimeError);
  EXPECT_EQ(signal.exit_code, 0);
  EXPECT_EQ(signal.signal, 11);
}

TEST_F(SandboxTest, AMissingProgramIsTheCallersError) {
  const RunResult result = sandbox_->Run(ExecRun({"/usr/bin/no-such-thing"}));
  EXPECT_EQ(result.verdict, Verdict::kSandboxError);
  EXPECT_THAT(result.detail,
              HasSubstr("executing /usr/bin/no-such-thing: No such file"));
}

TEST_F(SandboxTest, RefusesLimitsAndNamesOutOfRange) {
  RunRequest run = PythonRun("print(1)");
  run.limits.processes = 0;
  RunResult result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kSandboxError);
  EXPECT_THAT(result.detail, HasSubstr("processes is 0, expected 1 to 4096"));
  run = PythonRun("print(1)");
  run.files.push_back({"../x", ""});
  result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kSandboxError);
  EXPECT_THAT(result.detail, HasSubstr("\"../x\" is no name"));
}

TEST_F(SandboxTest, ChargesCpuTimeOfAllProcesses) {
  RunRequest run = PythonRun(
      "import os, time\n"
      "child = os.fork()\n"
      "end = time.process_time() + 0.2\n"
      "while time.process_time() < end: pass\n"
      "if child: os.wait()\n");
  const RunResult result = sandbox_->Run(run);
  ASSERT_EQ(result.verdict, Verdict::kOk) << result.standard_error;
  // And what an interpreter needs to fork.
  EXPECT_GE(result.cpu_us, 400000);
  EXPECT_LT(result.cpu_us, 4000000);
}

TEST_F(SandboxTest, ReportsPeakMemory) {
  const RunResult small = sandbox_->Run(PythonRun("print(1)"));
  const RunResult large =
      sandbox_->Run(PythonRun("x = bytearray(b'x' * (100 << 20))"));
  ASSERT_EQ(large.verdict, Verdict::kOk) << large.standard_error;
  EXPECT_GT(large.peak_bytes, 100 << 20);
  EXPECT_LT(small.peak_bytes, 60 << 20);
}

// The limit of real time is far away. How soon the end of processor time is
// noticed is the machine's affair.
TEST_F(SandboxTest, CpuTimeHasALimitOfItsOwn) {
  RunRequest run = PythonRun("while True: pass");
  run.limits.cpu_ms = 200;
  run.limits.wall_ms = 3600000;
  const RunResult result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kTimeLimit);
  EXPECT_GE(result.cpu_us, 200000);
}

TEST_F(SandboxTest, OutputIsCutAtItsLimit) {
  RunRequest run = PythonRun("print('x' * 2047)");
  run.limits.output_kb = 2;
  EXPECT_EQ(sandbox_->Run(run).verdict, Verdict::kOk);
  run = PythonRun("print('x' * 2048)");
  run.limits.output_kb = 2;
  const RunResult result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kOutputLimit);
  EXPECT_EQ(result.standard_output, std::string(2048, 'x'));
}

TEST_F(SandboxTest, MegabytesGoInAndComeOut) {
  RunRequest run = PythonRun("import sys\nsys.stdout.write(sys.stdin.read())");
  for (int i = 0; i < 300000; ++i) absl::StrAppend(&run.standard_input, i, " ");
  run.limits.output_kb = 8192;
  const RunResult result = sandbox_->Run(run);
  EXPECT_EQ(result.verdict, Verdict::kOk);
  EXPECT_TRUE(result.standard_output == run.standard_input);
}

TEST_F(SandboxTest, FetchesAFileOfAProgramThatSucceeds) {
  RunRequest run = PythonRun("open('out.bin', 'wb').write(bytes(range(256)))");
  run.fetch = "out.bin";
  RunResult result = sandbox_->Run(run);
  ASSERT_EQ(result.fetched.size(), 256u) << result.standard_error;
  for (int i = 0; i < 256; ++i) {
    EXPECT_EQ(static_cast<unsigned char>(result.fetched[i]), i);
  }
  run = PythonRun("import os\nos.symlink('/etc/passwd', 'out.bin')");
  run.fetch = "out.bin";
  EXPECT_EQ(sandbox_->Run(run).fetched, "");
}

TEST_F(SandboxTest, LinkedProgramsTalkAndTheSecondEndsWithTheFirst) {
  const RunRequest first = PythonRun(
      "import os\n"
      "os.write(4, b'ping')\n"
      "print(os.read(3, 4).decode())\n");
  const RunRequest second = PythonRun(
      "import os, time\n"
      "print(os.read(3, 4).decode(), flush=True)\n"
      "os.write(4, b'pong')\n"
      "time.sleep(1000)\n");
  const auto [one, two] =
      sandbox_->RunLinked(first, second, [](const RunResult&) { return true; });
  EXPECT_EQ(one.verdict, Verdict::kOk) << one.standard_error;
  EXPECT_EQ(one.standard_output, "pong\n");
  EXPECT_EQ(two.standard_output, "ping\n");
  EXPECT_TRUE(two.is_cancelled);
  // The slots are fit for more.
  EXPECT_EQ(sandbox_->Run(PythonRun("print(1)")).verdict, Verdict::kOk);
}

// The file systems would allow the first three.
TEST_F(SandboxTest, LandlockKeepsChangesInTheBox) {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0,
                LANDLOCK_CREATE_RULESET_VERSION) < 2) {
    GTEST_SKIP() << "needs Landlock of Linux 5.19";
  }
  const std::string program = R"(
import os
def attempt(what):
    try: what()
    except OSError as error: return error.errno
    return 0
def write(path, mode='r+'): open(path, mode).write('1')
os.mkdir('a'); os.mkdir('/tmp/b'); open('a/f', 'w').write('text')
print([attempt(lambda: write('/proc/self/comm')),
       attempt(lambda: write('/proc/self/oom_score_adj')),
       attempt(lambda: write('/proc/self/task/%d/comm' % os.getpid())),
       attempt(lambda: write("/dev/null")),
       attempt(lambda: write("/dev/stdout", "w")),
       attempt(lambda: os.rename('a/f', '/tmp/b/g')),
       attempt(lambda: os.truncate('/tmp/b/g', 1)),
       attempt(lambda: os.mkfifo('/dev/shm/p'))]))";
  const RunResult python = sandbox_->Run(PythonRun(program));
  EXPECT_EQ(python.verdict, Verdict::kOk) << python.standard_error;
  EXPECT_EQ(python.standard_output,
            absl::StrCat("1[", EACCES, ", ", EACCES, ", ", EACCES,
                         ", 0, 0, 0, 0, 0]\n"));
  RunRequest shell = ExecRun({"/bin/sh", "-c",
                              "echo x > f && mv f /tmp/ && cat /tmp/f; "
                              "echo 1 > /proc/self/comm"});
  const RunResult exec = sandbox_->Run(shell);
  EXPECT_EQ(exec.standard_output, "x\n");
  EXPECT_NE(exec.exit_code, 0);
}

TEST_F(SandboxTest, ManyThreadsShareTheSlots) {
  std::vector<std::thread> threads;
  std::vector<std::string> outputs(8);
  for (size_t i = 0; i < outputs.size(); ++i) {
    threads.emplace_back([this, i, &outputs] {
      for (int k = 0; k < 5; ++k) {
        outputs[i] += sandbox_->Run(PythonRun(absl::StrCat("print(", i, ")")))
                          .standard_output;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string expected;
    for (int k = 0; k < 5; ++k) absl::StrAppend(&expected, i, "\n");
    EXPECT_EQ(outputs[i], expected);
  }
}

}  // namespace
}  // namespace r1
