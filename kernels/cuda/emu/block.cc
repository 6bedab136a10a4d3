#include "kernels/cuda/emu/block.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace r1::cuda::emu {

constinit thread_local Thread* current = nullptr;

namespace {

std::string Describe(uint3 v) {
  return absl::StrCat("(", v.x, ", ", v.y, ", ", v.z, ")");
}

std::string Describe(SourceLine where) {
  return absl::StrCat(where.file, ":", where.line);
}

}  // namespace

std::string Block::NameOf(const Thread& thread) const {
  return absl::StrCat("block ", Describe(index_), ", thread ",
                      Describe(thread.index));
}

std::string Block::Run(const GridShape& shape, uint3 index,
                       absl::FunctionRef<void()> kernel) {
  const Unwatched unwatched;
  shape_ = &shape;
  kernel_ = &kernel;
  index_ = index;
  Prepare();
  RunThreads();
  if (error_.empty() && done_ < count_) error_ = DescribeDeadlock();
  if (error_.empty() && !shared_.RedzonesAreIntact()) {
    error_ = absl::StrCat("block ", Describe(index_),
                          ": shared memory was written outside its arrays");
  }
  if (!error_.empty()) {
    // None of the threads can go on. What they did came before they stopped.
    AcquireFrom(this);
    for (Warp& warp : warps_) AcquireFrom(&warp);
    threads_.clear();
  }
  return std::exchange(error_, "");
}

void Block::Prepare() {
  const Dim3& size = shape_->block;
  count_ = size.count();
  const uint64_t block =
      index_.x + uint64_t{shape_->grid.x} *
                     (index_.y + uint64_t{shape_->grid.y} * index_.z);
  random_.seed(shape_->seed * 7919 + block + 1);
  shared_.Reset(shape_->dynamic_shared_bytes,
                shape_->seed == 0 ? 0 : uint64_t{random_()} << 31 | 1);
  while (threads_.size() < count_) {
    threads_.push_back(
        std::make_unique<Thread>([](void* thread) { ThreadMain(thread); }));
  }
  warps_.assign((count_ + kWarpSize - 1) / kWarpSize, Warp());
  ready_.resize(count_);
  first_ready_ = num_ready_ = 0;
  at_barrier_ = done_ = 0;
  for (unsigned rank = 0; rank < count_; ++rank) {
    Thread& thread = *threads_[rank];
    thread.index = {rank % size.x, rank / size.x % size.y,
                    rank / (size.x * size.y)};
    thread.rank = rank;
    thread.lane = rank % kWarpSize;
    thread.warp = &warps_[rank / kWarpSize];
    thread.warp->live |= 1u << thread.lane;
    thread.block = this;
    thread.copies.Clear();
    Wake(thread);
  }
}

void Block::RunThreads() {
  host_ = std::make_unique<Fiber>();
  PublishTo(&begin_);
  current = Next();
  Fiber::Switch(*host_, current->fiber);
  current = nullptr;
  AcquireFrom(&end_);
}

void Block::ThreadMain(void* argument) {
  Thread& self = *static_cast<Thread*>(argument);
  while (true) {  // a kernel after the other
    Block& block = *self.block;
    AcquireFrom(&block.begin_);
    (*block.kernel_)();
    PublishTo(&block.end_);
    block.Leave();
  }
}

void Block::Leave() {
  const Unwatched unwatched;
  if (at_barrier_ > 0) {
    for (const auto& thread : threads_) {
      if (thread->state != ThreadState::kAtBarrier) continue;
      Report(absl::StrCat("barrier divergence: it leaves the kernel while ",
                          NameOf(*thread), " waits at ",
                          Describe(thread->barrier)));
      Abandon();
    }
  }
  current->state = ThreadState::kDone;
  current->warp->live &= ~(1u << current->lane);
  ++done_;
  SwitchTo(Next());
}

void Block::Wake(Thread& thread) {
  thread.state = ThreadState::kReady;
  ready_[(first_ready_ + num_ready_++) % count_] = &thread;
}

// In random orders of odd seeds whoever, in those of even seeds mostly the
// thread that was woken last. So warps run far ahead of others, which is what
// it takes to overwrite what another still has to read.
Thread* Block::Next() {
  if (num_ready_ == 0) return nullptr;
  const auto place = [&](size_t i) -> Thread*& {
    return ready_[(first_ready_ + i) % count_];
  };
  const uint64_t seed = shape_->seed;
  if (seed != 0 && seed % 2 == 0 && random_() % 16 != 0) {
    return place(--num_ready_);
  }
  if (seed != 0) std::swap(place(0), place(random_() % num_ready_));
  Thread* const next = place(0);
  first_ready_ = (first_ready_ + 1) % count_;
  --num_ready_;
  return next;
}

void Block::Yield() {
  Thread* const next = Next();
  if (next != current) SwitchTo(next);
}

// To the host where nobody is ready.
void Block::SwitchTo(Thread* next) {
  Thread& self = *current;
  current = next;
  Fiber& to = next == nullptr ? *host_ : next->fiber;
  Unwatched::End();  // or it could not be destroyed while it waits
  Fiber::Switch(self.fiber, to);
  Unwatched::Begin();
}

void Block::Barrier(SourceLine where) {
  const Unwatched unwatched;
  Thread& self = *current;
  self.barrier = where;
  self.state = ThreadState::kAtBarrier;
  if (done_ > 0) {
    Report(absl::StrCat("barrier divergence: it waits at ", Describe(where),
                        " after ", done_, " threads have left the kernel"));
    Abandon();
  }
  PublishTo(this);
  if (++at_barrier_ == count_) {
    at_barrier_ = 0;
    for (unsigned rank = 0; rank < count_; ++rank) {
      Thread& thread = *threads_[rank];
      if (!(thread.barrier == where)) {
        Report(absl::StrCat("barrier divergence: it waits at ", Describe(where),
                            ", and ", NameOf(thread), " at ",
                            Describe(thread.barrier)));
        Abandon();
      }
      Wake(thread);
    }
  }
  Yield();
  AcquireFrom(this);
}

void Block::MeetWarp(uint32_t mask, void* argument, WarpOperation operation) {
  const Unwatched unwatched;
  Thread& self = *current;
  Warp& warp = *self.warp;
  if ((mask & ~warp.live) != 0) {
    Report("a warp operation names lanes that have left the kernel");
    Abandon();
  }
  if ((mask >> self.lane & 1) == 0) {
    Report("a warp operation's mask lacks the calling lane");
    Abandon();
  }
  warp.arguments[self.lane] = argument;
  warp.arrived |= 1u << self.lane;
  self.mask = mask;
  self.operation = operation;
  self.state = ThreadState::kAtWarp;
  PublishTo(&warp);
  if ((warp.arrived & mask) == mask) {
    AcquireFrom(&warp);
    const unsigned first = self.rank - self.lane;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      const Thread& thread = *threads_[first + lane];
      if (thread.mask != mask) {
        Report(absl::StrCat("the mask of a warp operation is ", absl::Hex(mask),
                            ", and that of ", NameOf(thread), " ",
                            absl::Hex(thread.mask)));
        Abandon();
      }
      if (thread.operation != operation) {
        Report(absl::StrCat("it meets ", NameOf(thread),
                            " in another warp operation"));
        Abandon();
      }
    }
    if (operation != nullptr) operation(mask, warp.arguments);
    warp.arrived &= ~mask;
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      if (mask >> lane & 1) Wake(*threads_[first + lane]);
    }
    PublishTo(&warp);
  }
  Yield();
  AcquireFrom(&warp);
}

void Block::Report(const std::string& what) {
  error_ = absl::StrCat(NameOf(*current), ": ", what);
}

void Block::Abandon() {
  PublishTo(&end_);
  SwitchTo(nullptr);
  R1_CHECK(false, "a block that failed does not go on");
  std::abort();
}

std::string Block::DescribeDeadlock() const {
  std::string text;
  for (const ThreadState state :
       {ThreadState::kAtWarp, ThreadState::kAtBarrier}) {
    for (unsigned rank = 0; rank < count_; ++rank) {
      const Thread& thread = *threads_[rank];
      if (thread.state != state) continue;
      absl::StrAppend(&text, text.empty() ? "" : "; ", NameOf(thread),
                      state == ThreadState::kAtWarp
                          ? absl::StrCat(" waits for the lanes of mask ",
                                         absl::Hex(thread.mask))
                          : absl::StrCat(" waits at the barrier in ",
                                         Describe(thread.barrier)));
      break;
    }
  }
  return absl::StrCat("deadlock: ", text);
}

}  // namespace r1::cuda::emu
