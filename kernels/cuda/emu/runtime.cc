// The emulated device's streams are queues of closures. They run when the host
// waits: one closure after the other, of any stream that may go on.
#include "kernels/cuda/emu/runtime.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "kernels/cuda/emu/device_memory.h"
#include "kernels/cuda/emu/grid.h"
#include "kernels/matrix.h"

namespace r1::cuda::emu {
namespace {

using Work = std::function<absl::Status()>;

// How often an event was recorded, and how many of those have come to pass.
struct EventState {
  uint64_t recorded = 0;
  uint64_t completed = 0;
};

class EmulatedRuntime;

struct EmulatedEvent : Event {
  std::shared_ptr<EventState> state = std::make_shared<EventState>();
};

struct EmulatedGraph : Graph {
  std::vector<Work> work;
};

// An entry of a stream: work, or one of an event's records that happens here or
// is waited for.
struct Item {
  Work work = {};
  std::shared_ptr<EventState> records = {};
  std::shared_ptr<EventState> waits_for = {};
  uint64_t count = 0;  // of the event's records

  bool is_ready() const { return !waits_for || waits_for->completed >= count; }
};

struct EmulatedStream : Stream {
  explicit EmulatedStream(EmulatedRuntime* runtime) : runtime(runtime) {}
  ~EmulatedStream() override;

  EmulatedRuntime* const runtime;
  std::deque<Item> queue;
  std::unique_ptr<EmulatedGraph> capture;  // null: not capturing
};

EmulatedStream& From(Stream& stream) {
  return static_cast<EmulatedStream&>(stream);
}
EventState& From(Event& event) {
  return *static_cast<EmulatedEvent&>(event).state;
}

absl::Status During(absl::string_view what, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(what, ": ", status.message()));
}

class EmulatedRuntime : public Runtime {
 public:
  explicit EmulatedRuntime(const Options& options)
      : heap_(options.memory_bytes),
        grids_(options.host_threads),
        seed_(options.seed),
        random_(options.seed) {
    info_ = {.name = "emulated",
             .major = 9,
             .minor = 0,
             .multiprocessors = options.host_threads,
             .memory_bytes = options.memory_bytes};
  }
  ~EmulatedRuntime() override {
    R1_CHECK(streams_.empty(), "streams go before their device");
  }

  const DeviceInfo& info() const override { return info_; }

  absl::Status status() const override {
    const absl::MutexLock lock(&mutex_);
    return status_;
  }

  absl::StatusOr<std::unique_ptr<DeviceMemory>> Allocate(
      int64_t bytes) override;
  absl::StatusOr<std::unique_ptr<HostMemory>> AllocateHost(
      int64_t bytes) override;
  void Free(DevicePtr at) {
    const absl::MutexLock lock(&mutex_);
    for (EmulatedStream* stream : streams_) Drain(*stream);  // as cudaFree
    Keep(heap_.Free(static_cast<char*>(DeviceAccess::Pointer(at))));
  }

  absl::Status CheckMemory() override {
    const absl::MutexLock lock(&mutex_);
    return heap_.Check();
  }

  std::unique_ptr<Stream> MakeStream() override {
    auto stream = std::make_unique<EmulatedStream>(this);
    const absl::MutexLock lock(&mutex_);
    streams_.push_back(stream.get());
    return stream;
  }
  void Remove(EmulatedStream* stream) {
    const absl::MutexLock lock(&mutex_);
    Drain(*stream);
    streams_.erase(std::find(streams_.begin(), streams_.end(), stream));
  }
  std::unique_ptr<Event> MakeEvent() override {
    return std::make_unique<EmulatedEvent>();
  }

  void Enqueue(Work work, Stream& stream) {
    const absl::MutexLock lock(&mutex_);
    EmulatedStream& s = From(stream);
    if (s.capture != nullptr) {
      s.capture->work.push_back(std::move(work));
    } else {
      s.queue.push_back({.work = std::move(work)});
    }
  }

  // Called with the mutex held, by work.
  absl::Status RunGrid(const Dim3& grid, const Dim3& block, size_t shared_bytes,
                       const std::function<void()>& kernel) {
    absl::Status s = grids_.Run({grid, block, shared_bytes, seed_}, kernel);
    return s.ok() ? heap_.Check() : s;
  }

  void CopyToDevice(const void* from, DevicePtr to, int64_t bytes,
                    Stream& stream) override {
    void* const at = DeviceAccess::Pointer(to);
    EnqueueCopy("copy to the device", from, at, bytes, {at}, stream);
  }
  void CopyToHost(DevicePtr from, void* to, int64_t bytes,
                  Stream& stream) override {
    const void* const at = DeviceAccess::Pointer(from);
    EnqueueCopy("copy to the host", at, to, bytes, {at}, stream);
  }
  void CopyOnDevice(DevicePtr from, DevicePtr to, int64_t bytes,
                    Stream& stream) override {
    const void* const source = DeviceAccess::Pointer(from);
    void* const target = DeviceAccess::Pointer(to);
    EnqueueCopy("copy on the device", source, target, bytes, {source, target},
                stream);
  }

  void Record(Event& event, Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    if (!IsFree(stream, "Record")) return;
    auto state = static_cast<EmulatedEvent&>(event).state;
    const uint64_t count = ++state->recorded;
    From(stream).queue.push_back({.records = state, .count = count});
  }

  void WaitFor(Event& event, Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    if (!IsFree(stream, "WaitFor")) return;
    auto state = static_cast<EmulatedEvent&>(event).state;
    From(stream).queue.push_back(
        {.waits_for = state, .count = state->recorded});
  }

  absl::Status Synchronize(Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    if (IsFree(stream, "Synchronize")) Drain(From(stream));
    return status_;
  }
  absl::Status Synchronize(Event& event) override {
    const absl::MutexLock lock(&mutex_);
    EventState& state = From(event);
    RunUntil([&] { return state.completed >= state.recorded; });
    return status_;
  }

  void BeginCapture(Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    if (!IsFree(stream, "BeginCapture")) return;
    From(stream).capture = std::make_unique<EmulatedGraph>();
  }
  absl::StatusOr<std::unique_ptr<Graph>> EndCapture(Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    R1_CHECK(From(stream).capture != nullptr, "a capture ends that began");
    std::unique_ptr<Graph> graph = std::move(From(stream).capture);
    if (!status_.ok()) return status_;
    return graph;
  }
  void Replay(const Graph& graph, Stream& stream) override {
    const absl::MutexLock lock(&mutex_);
    if (!IsFree(stream, "Replay")) return;
    for (const Work& work : static_cast<const EmulatedGraph&>(graph).work) {
      From(stream).queue.push_back({.work = work});
    }
  }

  void SetSeed(uint64_t seed) {
    const absl::MutexLock lock(&mutex_);
    seed_ = seed;
    random_.seed(seed);
  }

 private:
  // All but EnqueueCopy are called with mutex_ held.
  void EnqueueCopy(const char* what, const void* from, void* to, int64_t bytes,
                   std::vector<const void*> on_device, Stream& stream) {
    if (bytes == 0) return;
    Enqueue(
        [=, this] {
          for (const void* at : on_device) {
            if (absl::Status s = heap_.CheckRange(at, bytes); !s.ok()) {
              return During(what, s);
            }
          }
          std::memcpy(to, from, bytes);
          return absl::OkStatus();
        },
        stream);
  }

  void Keep(const absl::Status& status) {
    if (status_.ok()) status_ = status;
  }

  // Whether the stream is not capturing; an error of `call` if it is.
  bool IsFree(Stream& stream, absl::string_view call) {
    if (From(stream).capture == nullptr) return true;
    Keep(absl::FailedPreconditionError(
        absl::StrCat(call, ": the stream captures a graph")));
    return false;
  }

  void Drain(EmulatedStream& stream) {
    RunUntil([&] { return stream.queue.empty(); });
  }

  // Runs items of streams that may go on, in the seed's order. After an error
  // only events still happen.
  void RunUntil(absl::FunctionRef<bool()> done) {
    while (!done()) {
      std::vector<EmulatedStream*> ready;
      for (EmulatedStream* stream : streams_) {
        if (!stream->queue.empty() && stream->queue.front().is_ready()) {
          ready.push_back(stream);
        }
      }
      R1_CHECK(!ready.empty(), "streams that wait for each other");
      EmulatedStream& stream =
          *ready[seed_ == 0 ? 0 : random_() % ready.size()];
      const Item item = std::move(stream.queue.front());
      stream.queue.pop_front();
      if (item.records) {
        uint64_t& completed = item.records->completed;
        completed = std::max(completed, item.count);
      } else if (item.work && status_.ok()) {
        status_ = item.work();
      }
    }
  }

  mutable absl::Mutex mutex_;
  DeviceInfo info_;
  // Guarded by mutex_, as are those below.
  absl::Status status_;
  DeviceHeap heap_;
  GridRunner grids_;
  uint64_t seed_;
  std::mt19937 random_;
  std::vector<EmulatedStream*> streams_;
};

EmulatedStream::~EmulatedStream() { runtime->Remove(this); }

class EmulatedMemory : public DeviceMemory {
 public:
  EmulatedMemory(EmulatedRuntime* runtime, char* at, int64_t bytes)
      : runtime_(runtime) {
    at_ = DeviceAccess::Address(at);
    bytes_ = bytes;
  }
  ~EmulatedMemory() override { runtime_->Free(at_); }

 private:
  EmulatedRuntime* const runtime_;
};

class PlainHostMemory : public HostMemory {
 public:
  explicit PlainHostMemory(int64_t bytes) : memory_(bytes, '\xff') {
    data_ = memory_.data();
    bytes_ = bytes;
  }

 private:
  std::vector<char> memory_;
};

absl::StatusOr<std::unique_ptr<DeviceMemory>> EmulatedRuntime::Allocate(
    int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  char* const at = heap_.Allocate(bytes);
  if (at == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the emulated device has no ", bytes, " bytes left of ",
                     info_.memory_bytes));
  }
  return std::make_unique<EmulatedMemory>(this, at, bytes);
}

absl::StatusOr<std::unique_ptr<HostMemory>> EmulatedRuntime::AllocateHost(
    int64_t bytes) {
  return std::make_unique<PlainHostMemory>(bytes);
}

}  // namespace

std::unique_ptr<Runtime> OpenRuntime(const Options& options) {
  return std::make_unique<EmulatedRuntime>(options);
}

void SetSeed(uint64_t seed, Runtime& runtime) {
  static_cast<EmulatedRuntime&>(runtime).SetSeed(seed);
}

}  // namespace r1::cuda::emu

namespace r1::cuda {

void EnqueueKernel(std::function<void()> kernel, const GridSize& grid,
                   Dim3 block, size_t dynamic_shared_bytes, Stream& stream) {
  emu::EmulatedRuntime& runtime = *emu::From(stream).runtime;
  const std::string what =
      absl::StrCat("kernel of ", grid.where.file, ":", grid.where.line);
  runtime.Enqueue(
      [=, &runtime, kernel = std::move(kernel)] {
        return emu::During(what, runtime.RunGrid(grid.blocks, block,
                                                 dynamic_shared_bytes, kernel));
      },
      stream);
}

absl::StatusOr<std::unique_ptr<Runtime>> OpenRuntime(int index) {
  if (index != 0) {
    return absl::NotFoundError(
        absl::StrCat("device ", index, ": there is one emulated device, 0"));
  }
  return emu::OpenRuntime({});
}

}  // namespace r1::cuda
