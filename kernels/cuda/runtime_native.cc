// runtime.h and launch.h on CUDA's runtime library.
#include <cuda_runtime.h>

#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/check.h"
#include "kernels/cuda/runtime.h"
#include "kernels/matrix.h"

namespace r1::cuda {

// Defined here for a compiler that does not see __CUDACC__ in launch.h.
void EnqueueKernel(const void* kernel, const GridSize& grid, Dim3 block,
                   size_t dynamic_shared_bytes, Stream& stream,
                   void** arguments);

namespace {

absl::StatusCode CodeOf(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return absl::StatusCode::kResourceExhausted;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return absl::StatusCode::kNotFound;
    case cudaErrorInsufficientDriver:
      return absl::StatusCode::kFailedPrecondition;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kInternal;
  }
}

// What CUDA says of a call, by name.
absl::Status StatusOf(cudaError_t error, absl::string_view what) {
  if (error == cudaSuccess) return absl::OkStatus();
  return absl::Status(CodeOf(error),
                      absl::StrCat(what, ": ", cudaGetErrorName(error), ", ",
                                   cudaGetErrorString(error)));
}

class NativeRuntime;

struct NativeStream : Stream {
  ~NativeStream() override { cudaStreamDestroy(stream); }

  NativeRuntime* runtime = nullptr;
  cudaStream_t stream = nullptr;
};

struct NativeEvent : Event {
  ~NativeEvent() override { cudaEventDestroy(event); }

  cudaEvent_t event = nullptr;
};

struct NativeGraph : Graph {
  ~NativeGraph() override { cudaGraphExecDestroy(graph); }

  cudaGraphExec_t graph = nullptr;
};

struct NativeMemory : DeviceMemory {
  NativeMemory(void* at, int64_t bytes) {
    at_ = DeviceAccess::Address(at);
    bytes_ = bytes;
  }
  ~NativeMemory() override { cudaFree(DeviceAccess::Pointer(at_)); }
};

struct NativeHostMemory : HostMemory {
  NativeHostMemory(void* data, int64_t bytes) {
    data_ = data;
    bytes_ = bytes;
  }
  ~NativeHostMemory() override { cudaFreeHost(data_); }
};

cudaStream_t From(Stream& stream) {
  return static_cast<NativeStream&>(stream).stream;
}
cudaEvent_t From(Event& event) {
  return static_cast<NativeEvent&>(event).event;
}

// Every call sets the device of the calling thread first: which one that is,
// CUDA keeps for each thread.
class NativeRuntime : public Runtime {
 public:
  NativeRuntime(int index, const cudaDeviceProp& properties) : index_(index) {
    info_ = {.name = properties.name,
             .major = properties.major,
             .minor = properties.minor,
             .multiprocessors = properties.multiProcessorCount,
             .memory_bytes = static_cast<int64_t>(properties.totalGlobalMem)};
  }

  const DeviceInfo& info() const override { return info_; }

  absl::Status status() const override {
    const absl::MutexLock lock(&mutex_);
    return status_;
  }

  absl::StatusOr<std::unique_ptr<DeviceMemory>> Allocate(
      int64_t bytes) override {
    Use();
    void* at = nullptr;
    const cudaError_t error = cudaMalloc(&at, bytes);
    if (error != cudaSuccess) {
      cudaGetLastError();  // of this call alone
      return StatusOf(error,
                      absl::StrCat("memory of the device, ", bytes, " bytes"));
    }
    return std::make_unique<NativeMemory>(at, bytes);
  }

  absl::StatusOr<std::unique_ptr<HostMemory>> AllocateHost(
      int64_t bytes) override {
    Use();
    void* data = nullptr;
    const cudaError_t error = cudaHostAlloc(&data, bytes, cudaHostAllocDefault);
    if (error != cudaSuccess) {
      cudaGetLastError();
      return StatusOf(error,
                      absl::StrCat("page-locked memory, ", bytes, " bytes"));
    }
    return std::make_unique<NativeHostMemory>(data, bytes);
  }

  absl::Status CheckMemory() override { return absl::OkStatus(); }

  std::unique_ptr<Stream> MakeStream() override {
    Use();
    auto stream = std::make_unique<NativeStream>();
    stream->runtime = this;
    Keep(cudaStreamCreateWithFlags(&stream->stream, cudaStreamNonBlocking),
         "a stream");
    return stream;
  }
  std::unique_ptr<Event> MakeEvent() override {
    Use();
    auto event = std::make_unique<NativeEvent>();
    Keep(cudaEventCreateWithFlags(&event->event, cudaEventDisableTiming),
         "an event");
    return event;
  }

  void Enqueue(const void* kernel, const GridSize& grid, Dim3 block,
               size_t shared_bytes, cudaStream_t stream, void** arguments);

  void CopyToDevice(const void* from, DevicePtr to, int64_t bytes,
                    Stream& stream) override {
    EnqueueCopy(DeviceAccess::Pointer(to), from, bytes, cudaMemcpyHostToDevice,
                stream, "copy to the device");
  }
  void CopyToHost(DevicePtr from, void* to, int64_t bytes,
                  Stream& stream) override {
    EnqueueCopy(to, DeviceAccess::Pointer(from), bytes, cudaMemcpyDeviceToHost,
                stream, "copy to the host");
  }
  void CopyOnDevice(DevicePtr from, DevicePtr to, int64_t bytes,
                    Stream& stream) override {
    EnqueueCopy(DeviceAccess::Pointer(to), DeviceAccess::Pointer(from), bytes,
                cudaMemcpyDeviceToDevice, stream, "copy on the device");
  }

  void Record(Event& event, Stream& stream) override {
    Use();
    Keep(cudaEventRecord(From(event), From(stream)), "Record");
  }
  void WaitFor(Event& event, Stream& stream) override {
    Use();
    Keep(cudaStreamWaitEvent(From(stream), From(event), 0), "WaitFor");
  }

  absl::Status Synchronize(Stream& stream) override {
    Use();
    Keep(cudaStreamSynchronize(From(stream)), "Synchronize");
    return status();
  }
  absl::Status Synchronize(Event& event) override {
    Use();
    Keep(cudaEventSynchronize(From(event)), "Synchronize");
    return status();
  }

  void BeginCapture(Stream& stream) override {
    Use();
    Keep(cudaStreamBeginCapture(From(stream), cudaStreamCaptureModeThreadLocal),
         "BeginCapture");
  }
  absl::StatusOr<std::unique_ptr<Graph>> EndCapture(Stream& stream) override {
    Use();
    cudaGraph_t recorded = nullptr;
    Keep(cudaStreamEndCapture(From(stream), &recorded), "EndCapture");
    if (absl::Status s = status(); !s.ok()) return s;
    auto graph = std::make_unique<NativeGraph>();
    Keep(cudaGraphInstantiate(&graph->graph, recorded, 0), "EndCapture");
    cudaGraphDestroy(recorded);
    if (absl::Status s = status(); !s.ok()) return s;
    return graph;
  }
  void Replay(const Graph& graph, Stream& stream) override {
    Use();
    Keep(cudaGraphLaunch(static_cast<const NativeGraph&>(graph).graph,
                         From(stream)),
         "Replay");
  }

 private:
  cudaError_t AllowMuchShared(const void* kernel);
  void Use() { Keep(cudaSetDevice(index_), "the device"); }

  void Keep(cudaError_t error, absl::string_view what) {
    if (error == cudaSuccess) return;
    const absl::MutexLock lock(&mutex_);
    if (status_.ok()) status_ = StatusOf(error, what);
  }

  void EnqueueCopy(void* to, const void* from, int64_t bytes,
                   cudaMemcpyKind kind, Stream& stream, const char* what) {
    if (bytes == 0) return;
    Use();
    Keep(cudaMemcpyAsync(to, from, bytes, kind, From(stream)), what);
  }

  const int index_;
  DeviceInfo info_;
  mutable absl::Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  // Kernels that may have all of a block's shared memory.
  std::set<const void*> with_much_shared_ ABSL_GUARDED_BY(mutex_);
};

// More dynamic shared memory than a kernel has without asking.
constexpr size_t kSharedWithoutAsking = 48 << 10;

// Before the first launch, whichever thread has it.
cudaError_t NativeRuntime::AllowMuchShared(const void* kernel) {
  const absl::MutexLock lock(&mutex_);
  if (!with_much_shared_.insert(kernel).second) return cudaSuccess;
  int most = 0;
  const cudaError_t error = cudaDeviceGetAttribute(
      &most, cudaDevAttrMaxSharedMemoryPerBlockOptin, index_);
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most);
}

void NativeRuntime::Enqueue(const void* kernel, const GridSize& grid,
                            Dim3 block, size_t shared_bytes,
                            cudaStream_t stream, void** arguments) {
  Use();
  const std::string what =
      absl::StrCat("kernel of ", grid.where.file, ":", grid.where.line);
  if (shared_bytes > kSharedWithoutAsking) Keep(AllowMuchShared(kernel), what);
  const auto dim3_of = [](const Dim3& d) { return dim3(d.x, d.y, d.z); };
  Keep(cudaLaunchKernel(kernel, dim3_of(grid.blocks), dim3_of(block), arguments,
                        shared_bytes, stream),
       what);
}

}  // namespace

void EnqueueKernel(const void* kernel, const GridSize& grid, Dim3 block,
                   size_t dynamic_shared_bytes, Stream& stream,
                   void** arguments) {
  NativeStream& native = static_cast<NativeStream&>(stream);
  native.runtime->Enqueue(kernel, grid, block, dynamic_shared_bytes,
                          native.stream, arguments);
}

namespace {

// What helps against an error of the first call.
std::string RemedyFor(cudaError_t error) {
  constexpr int kMajor = CUDART_VERSION / 1000;
  constexpr int kMinor = CUDART_VERSION % 1000 / 10;
  switch (error) {
    case cudaErrorInsufficientDriver:
      return absl::StrCat("there is no driver, or one older than CUDA ", kMajor,
                          ".", kMinor,
                          " (nvidia-smi prints it): install one, or compute "
                          "with device: \"cpu\"");
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return "there is no such GPU, or it is hidden (CUDA_VISIBLE_DEVICES)";
    default:
      return "nvidia-smi may say more";
  }
}

// Machine code runs on later minor versions of its architecture, but that of
// 9.0a, which is for 9.0 alone.
bool IsCompiledFor(const cudaDeviceProp& p) {
  return p.major == 8 || (p.major == 9 && p.minor == 0) || p.major == 10;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Runtime>> OpenRuntime(int index) {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, index);
  if (error != cudaSuccess) {
    return StatusOf(
        error, absl::StrCat("CUDA device ", index, ": ", RemedyFor(error)));
  }
  if (!IsCompiledFor(properties)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "CUDA device ", index, " (", properties.name,
        ") has compute capability ", properties.major, ".", properties.minor,
        ", expected 8.x, 9.0 or 10.x, for which this program was compiled"));
  }
  return std::make_unique<NativeRuntime>(index, properties);
}

}  // namespace r1::cuda
