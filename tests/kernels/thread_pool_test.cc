#include "kernels/thread_pool.h"

#include <gtest/gtest.h>
#include <time.h>

#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace r1 {
namespace {

// The counts are not atomic: tasks of one job write disjoint elements and the
// end of a job orders them before what follows (ThreadSanitizer looks on).
TEST(ThreadPool, RunsEveryTaskOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.num_threads(), threads);
    for (const int64_t tasks : {0, 1, 2, 3, 7, 1000}) {
      std::vector<int> runs(tasks);
      for (int round = 0; round < 50; ++round) {
        pool.ParallelFor(tasks, [&](int64_t task, int) { ++runs[task]; });
      }
      EXPECT_EQ(runs, std::vector<int>(tasks, 50)) << threads << " threads";
    }
  }
}

TEST(ThreadPool, ThreadNumbersAreScratchIndices) {
  constexpr int kThreads = 3;
  ThreadPool pool(kThreads);
  // One plain counter per thread: two tasks with the same number at the same
  // time would race.
  std::vector<int64_t> scratch(kThreads);
  int64_t total = 0;
  for (int round = 0; round < 200; ++round) {
    pool.ParallelFor(64, [&](int64_t, int thread) {
      ASSERT_GE(thread, 0);
      ASSERT_LT(thread, kThreads);
      ++scratch[thread];
    });
  }
  for (const int64_t count : scratch) total += count;
  EXPECT_EQ(total, 200 * 64);
}

// A task reads what any thread may have written in the job before.
TEST(ThreadPool, JobsFollowEachOther) {
  constexpr int64_t kTasks = 100, kJobs = 2000;
  ThreadPool pool(4);
  std::vector<int64_t> from(kTasks), to(kTasks);
  for (int64_t job = 0; job < kJobs; ++job) {
    pool.ParallelFor(kTasks, [&](int64_t task, int) {
      to[task] = from[(task + job) % kTasks] + 1;
    });
    std::swap(from, to);
  }
  EXPECT_EQ(from, std::vector<int64_t>(kTasks, kJobs));
}

// Two tasks that wait for each other end only if both run at the same time.
TEST(ThreadPool, TasksRunAtTheSameTime) {
  ThreadPool pool(2);
  absl::Notification arrived[2];
  pool.ParallelFor(2, [&](int64_t task, int) {
    arrived[task].Notify();
    EXPECT_TRUE(
        arrived[1 - task].WaitForNotificationWithTimeout(absl::Minutes(4)));
  });
}

// The caller has nothing left to run while the worker is still busy, first for
// less, then for longer than the caller spins.
TEST(ThreadPool, ReturnsOnlyWhenEveryTaskHasEnded) {
  ThreadPool pool(2);
  for (int round = 0; round < 40; ++round) {
    absl::Notification arrived[2];
    bool has_ended[2] = {};
    pool.ParallelFor(2, [&](int64_t task, int thread) {
      arrived[task].Notify();
      ASSERT_TRUE(
          arrived[1 - task].WaitForNotificationWithTimeout(absl::Minutes(4)));
      absl::Notification never;
      if (thread != 0) {
        never.WaitForNotificationWithTimeout(absl::Microseconds(50 * round));
      }
      has_ended[task] = true;
    });
    ASSERT_TRUE(has_ended[0] && has_ended[1]) << "round " << round;
  }
}

// A worker that sleeps is woken by the next job.
TEST(ThreadPool, WakesAfterSleeping) {
  ThreadPool pool(2);
  for (int round = 0; round < 20; ++round) {
    // Longer than the workers spin.
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(1));
    absl::Notification arrived[2];
    pool.ParallelFor(2, [&](int64_t task, int) {
      arrived[task].Notify();
      EXPECT_TRUE(
          arrived[1 - task].WaitForNotificationWithTimeout(absl::Minutes(4)));
    });
  }
}

// An idle pool must not use the processor: its threads sleep after some ten
// microseconds. They would use twice the time that passes if they did not; on a
// busy machine they may need a while to get there.
TEST(ThreadPool, IdlePoolUsesNoProcessorTime) {
  ThreadPool pool(3);
  pool.ParallelFor(3, [](int64_t, int) {});
  const auto cpu_seconds = [] {
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
  };
  double used = 1;
  for (int window = 0; window < 600 && used > 0.01; ++window) {
    const double before = cpu_seconds();
    absl::Notification never;
    never.WaitForNotificationWithTimeout(absl::Milliseconds(100));
    used = cpu_seconds() - before;
  }
  EXPECT_LT(used, 0.01);
}

TEST(ThreadPool, PoolsAreIndependent) {
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(3);
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&sums, caller] {
      ThreadPool pool(2);
      std::vector<int64_t> values(10);
      for (int job = 0; job < 500; ++job) {
        pool.ParallelFor(10, [&](int64_t task, int) { values[task] += task; });
      }
      for (const int64_t value : values) sums[caller] += value;
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const int64_t sum : sums) EXPECT_EQ(sum, 500 * 45);
}

TEST(ThreadPool, StartsAndStopsManyTimes) {
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool(3);
    if (round % 2 == 0) pool.ParallelFor(3, [](int64_t, int) {});
  }
}

TEST(ThreadPoolDeathTest, RefusesNoThreads) {
  EXPECT_DEATH(ThreadPool(0), "a pool needs a thread");
}

}  // namespace
}  // namespace r1
