// ThreadSanitizer sees what Abseil's primitives order, and still sees a race.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace r1 {
namespace {

constexpr int kRounds = 200;

void RunThreads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (auto& thread : threads) thread.join();
}

TEST(TsanAbslTest, MutexOrdersWrites) {
  absl::Mutex mutex;
  int guarded = 0;
  RunThreads(4, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mutex);
      ++guarded;
    }
  });
  EXPECT_EQ(guarded, 4 * kRounds);
}

TEST(TsanAbslTest, ReadersSeeTheWriter) {
  absl::Mutex mutex;
  int guarded = 0;
  std::atomic<int64_t> sum{0};
  RunThreads(4, [&](int id) {
    for (int i = 0; i < kRounds; ++i) {
      if (id == 0) {
        absl::WriterMutexLock lock(&mutex);
        ++guarded;
      } else {
        absl::ReaderMutexLock lock(&mutex);
        sum += guarded;
      }
    }
  });
  EXPECT_EQ(guarded, kRounds);
}

// Two threads pass a turn back and forth; each waits in another way.
TEST(TsanAbslTest, WaitingOnConditionsHandsOver) {
  absl::Mutex mutex;
  int turn = 0;
  int passed = 0;
  RunThreads(2, [&](int id) {
    const auto is_mine = [&] { return turn == id; };
    for (int i = 0; i < kRounds; ++i) {
      if (i % 3 == 0) {
        mutex.LockWhen(absl::Condition(&is_mine));
      } else {
        mutex.Lock();
        if (i % 3 == 1) mutex.Await(absl::Condition(&is_mine));
        while (!mutex.AwaitWithTimeout(absl::Condition(&is_mine),
                                       absl::Milliseconds(50))) {
        }
      }
      ++passed;
      turn = 1 - id;
      mutex.Unlock();
    }
  });
  EXPECT_EQ(passed, 2 * kRounds);
}

TEST(TsanAbslTest, ConditionVariableHandsOver) {
  absl::Mutex mutex;
  absl::CondVar changed;
  int turn = 0;
  int passed = 0;
  RunThreads(2, [&](int id) {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mutex);
      while (turn != id) {
        i % 2 == 0 ? changed.Wait(&mutex)
                   : (void)changed.WaitWithTimeout(&mutex, absl::Seconds(1));
      }
      ++passed;
      turn = 1 - id;
      changed.SignalAll();
    }
  });
  EXPECT_EQ(passed, 2 * kRounds);
}

TEST(TsanAbslTest, NotificationPublishes) {
  for (int i = 0; i < kRounds; ++i) {
    absl::Notification ready;
    int value = 0;
    RunThreads(3, [&](int id) {
      if (id == 0) {
        value = 7;
        ready.Notify();
      } else if (id == 1) {
        ready.WaitForNotification();
        EXPECT_EQ(value, 7);
      } else {
        while (!ready.HasBeenNotified()) std::this_thread::yield();
        EXPECT_EQ(value, 7);
      }
    });
  }
}

TEST(TsanAbslTest, BlockingCounterCollects) {
  absl::BlockingCounter pending(4);
  int parts[4] = {};
  RunThreads(5, [&](int id) {
    if (id < 4) {
      parts[id] = id + 1;
      pending.DecrementCount();
    } else {
      pending.Wait();
      EXPECT_EQ(parts[0] + parts[1] + parts[2] + parts[3], 10);
    }
  });
}

TEST(TsanAbslTest, BarrierSeparatesPhases) {
  auto* barrier = new absl::Barrier(4);
  int parts[4] = {};
  RunThreads(4, [&](int id) {
    parts[id] = id + 1;
    const bool is_last = barrier->Block();
    EXPECT_EQ(parts[0] + parts[1] + parts[2] + parts[3], 10);
    if (is_last) delete barrier;
  });
}

// The last of several threads deletes the text that all have read.
TEST(TsanAbslTest, CopiesOfAStatusShareItsText) {
  for (int round = 0; round < kRounds; ++round) {
    std::vector<absl::Status> copies(
        4, absl::InternalError("a text that is long enough for the heap"));
    RunThreads(4, [&](int id) {
      const absl::Status mine = std::move(copies[id]);
      EXPECT_EQ(mine.message().size(), 39);
    });
  }
}

void Race() {
  int unguarded = 0;
  std::atomic<int> started{0};
  RunThreads(2, [&](int) {
    started.fetch_add(1, std::memory_order_relaxed);
    while (started.load(std::memory_order_relaxed) < 2) {
    }
    for (int i = 0; i < 1000; ++i) ++unguarded;
  });
}

TEST(TsanAbslDeathTest, ARaceIsReported) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(Race(), testing::ExitedWithCode(66), "data race");
}

}  // namespace
}  // namespace r1
