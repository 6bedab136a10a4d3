// A device: its memory, streams, events and graphs. Two implementations, of
// which a program links one: runtime_native.cc on CUDA, emu/runtime.cc on the
// emulated device. No type of CUDA's is seen here.
//
// Work is enqueued and done later. What goes wrong then is kept: the first
// error is status() ever after, and work that follows it is undefined.
#ifndef R1_KERNELS_CUDA_RUNTIME_H_
#define R1_KERNELS_CUDA_RUNTIME_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cuda/launch.h"
#include "kernels/tensor.h"

namespace r1::cuda {

// What a device is; see DeviceIdentity for what of it decides a run's bits.
struct DeviceInfo {
  std::string name;  // "NVIDIA H200", "emulated"
  int major = 0;     // compute capability
  int minor = 0;
  int multiprocessors = 0;
  int64_t memory_bytes = 0;
};

// A place in a stream that others can wait for. Threads: as a plain object.
class Event {
 public:
  virtual ~Event() = default;
};

// Recorded work with the arguments it had. Threads: as a plain object.
class Graph {
 public:
  virtual ~Graph() = default;
};

// Memory of the device, or of the host, and freed with this object; no work
// that uses it may then be pending. Its content is undefined at first, NaN on
// the emulated device. The device's begins at a multiple of 256 bytes.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  DevicePtr at() const { return at_; }
  int64_t bytes() const { return bytes_; }

 protected:
  DevicePtr at_;
  int64_t bytes_ = 0;
};
// Page-locked memory of the host, so that copies run beside kernels. No work
// that uses it may be pending when it goes.
class HostMemory {
 public:
  virtual ~HostMemory() = default;
  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 protected:
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

// Threads: any thread may call any function; the order of work in one stream is
// the order of the calls.
class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual const DeviceInfo& info() const = 0;
  // The first error, named, with the line that enqueued what failed.
  virtual absl::Status status() const = 0;

  // ResourceExhausted where there is not as much left.
  virtual absl::StatusOr<std::unique_ptr<DeviceMemory>> Allocate(
      int64_t bytes) = 0;
  virtual absl::StatusOr<std::unique_ptr<HostMemory>> AllocateHost(
      int64_t bytes) = 0;
  // Whether kernels kept to what was allocated: Internal if not. The emulated
  // device can tell, for writes close by; on others use compute-sanitizer.
  virtual absl::Status CheckMemory() = 0;

  virtual std::unique_ptr<Stream> MakeStream() = 0;
  virtual std::unique_ptr<Event> MakeEvent() = 0;

  // Enqueue copies; the host's side is read or written when the stream gets
  // there, not before.
  virtual void CopyToDevice(const void* from, DevicePtr to, int64_t bytes,
                            Stream& stream) = 0;
  virtual void CopyToHost(DevicePtr from, void* to, int64_t bytes,
                          Stream& stream) = 0;
  virtual void CopyOnDevice(DevicePtr from, DevicePtr to, int64_t bytes,
                            Stream& stream) = 0;

  // The event is what was enqueued so far; recording it again moves it.
  virtual void Record(Event& event, Stream& stream) = 0;
  // What follows in the stream waits for the event, as it is now recorded.
  virtual void WaitFor(Event& event, Stream& stream) = 0;

  // Waits on the host; then status().
  virtual absl::Status Synchronize(Stream& stream) = 0;
  virtual absl::Status Synchronize(Event& event) = 0;

  // What is enqueued in between is recorded and not done. Of the calls above,
  // Launch and the copies may be: on this stream.
  virtual void BeginCapture(Stream& stream) = 0;
  virtual absl::StatusOr<std::unique_ptr<Graph>> EndCapture(Stream& stream) = 0;
  // Enqueues the recorded work.
  virtual void Replay(const Graph& graph, Stream& stream) = 0;
};

// Device `index` of this machine.
absl::StatusOr<std::unique_ptr<Runtime>> OpenRuntime(int index);

}  // namespace r1::cuda

#endif  // R1_KERNELS_CUDA_RUNTIME_H_
