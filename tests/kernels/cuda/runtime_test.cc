// Memory, streams, events, graphs and errors of the emulated device.
#include "kernels/cuda/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "kernels/cuda/compat.h"
#include "kernels/cuda/cuda_device.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/emu/fiber.h"
#include "tests/kernels/cuda/device_test_util.h"

namespace r1::cuda {
namespace {

using ::testing::HasSubstr;

__global__ void Append(int value, int* log, int* size) {
  log[(*size)++] = value;
}
__global__ void WriteAt(float* x, int64_t index) { x[index] = 1; }

int* Integers(const DeviceMemory& memory) {
  return static_cast<int*>(DeviceAccess::Pointer(memory.at()));
}
float* Floats(const DeviceMatrix& m) {
  return static_cast<float*>(DeviceAccess::Pointer(m.at()));
}

TEST(CudaRuntime, MemoryIsNaNAlignedAndLimited) {
  const auto runtime = emu::OpenRuntime({.memory_bytes = 10000});
  const auto stream = runtime->MakeStream();
  auto memory = runtime->Allocate(6000);
  ASSERT_TRUE(memory.ok()) << memory.status();
  const auto address =
      reinterpret_cast<uintptr_t>(DeviceAccess::Pointer((*memory)->at()));
  EXPECT_EQ(address % 256, 0);
  std::vector<float> x(1500);
  runtime->CopyToHost((*memory)->at(), x.data(), 6000, *stream);
  ASSERT_TRUE(runtime->Synchronize(*stream).ok());
  for (const float value : x) ASSERT_TRUE(std::isnan(value));
  EXPECT_EQ(runtime->Allocate(6000).status().code(),
            absl::StatusCode::kResourceExhausted);
  memory->reset();
  EXPECT_TRUE(runtime->Allocate(6000).ok());
}

// The host's memory is read when the stream gets there.
TEST(CudaRuntime, CopiesAreDoneLater) {
  TestDevice device;
  const auto memory = device.runtime->Allocate(4);
  const auto host = device.runtime->AllocateHost(4);
  ASSERT_TRUE(memory.ok() && host.ok());
  int& from = *static_cast<int*>((*host)->data());
  int to = 0;
  from = 1;
  device.runtime->CopyToDevice(&from, (*memory)->at(), 4, *device.stream);
  device.runtime->CopyToHost((*memory)->at(), &to, 4, *device.stream);
  from = 2;
  EXPECT_EQ(to, 0);
  device.Finish();
  EXPECT_EQ(to, 2);
}

TEST(CudaRuntime, MemoryWaitsForTheWorkThatUsesIt) {
  TestDevice device;
  float to = 0;
  {
    const DeviceMatrix x(device, 1, 1, DType::kF32, std::vector<float>{3});
    device.runtime->CopyToHost(x.at(), &to, 4, *device.stream);
  }
  EXPECT_EQ(to, 3);
  device.Finish();
}

TEST(CudaRuntime, ACopyOutsideAnAllocationIsAnError) {
  TestDevice device;
  const DeviceMatrix x(device, 1, 4);
  char bytes[20] = {};
  device.runtime->CopyToDevice(bytes, x.at(), 20, *device.stream);
  const absl::Status status = device.runtime->Synchronize(*device.stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.message(), HasSubstr("copy to the device"));
}

// Two streams run in any order but for what an event orders.
TEST(CudaRuntime, EventsOrderStreams) {
  std::set<std::vector<int>> orders;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    TestDevice device(seed);
    const auto other = device.runtime->MakeStream();
    const auto memory = device.runtime->Allocate(8 * 4);
    ASSERT_TRUE(memory.ok());
    int* const log = Integers(**memory);
    std::vector<int> values(8, 0);
    device.runtime->CopyToDevice(values.data(), (*memory)->at(), 32,
                                 *device.stream);
    device.Finish();
    const auto append = [&](int value, Stream& stream) {
      Launch(Append, 1, 1, 0, stream, value, log + 1, log);
    };
    const auto event = device.runtime->MakeEvent();
    device.runtime->WaitFor(*event, *other);  // never recorded: no wait
    append(10, *other);
    append(1, *device.stream);
    append(2, *device.stream);
    device.runtime->Record(*event, *device.stream);
    append(3, *device.stream);
    device.runtime->WaitFor(*event, *other);
    append(11, *other);
    ASSERT_TRUE(device.runtime->Synchronize(*other).ok());
    device.runtime->CopyToHost((*memory)->at(), values.data(), 32,
                               *device.stream);
    device.Finish();
    ASSERT_EQ(values[0], 5);
    std::vector<int> order(values.begin() + 1, values.begin() + 6);
    const auto place = [&](int value) {
      return std::find(order.begin(), order.end(), value);
    };
    EXPECT_LT(place(1), place(2));
    EXPECT_LT(place(2), place(3));
    EXPECT_LT(place(10), place(11));
    EXPECT_LT(place(2), place(11));
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 4);  // of 9 that are legal
}

TEST(CudaRuntime, TheHostWaitsForAnEvent) {
  TestDevice device;
  const DeviceMatrix x(device, 1, 1, DType::kF32, std::vector<float>{1});
  const auto event = device.runtime->MakeEvent();
  float before = 0;
  device.runtime->CopyToHost(x.at(), &before, 4, *device.stream);
  device.runtime->Record(*event, *device.stream);
  ASSERT_TRUE(device.runtime->Synchronize(*event).ok());
  EXPECT_EQ(before, 1);
}

// What was recorded runs at every replay, with the arguments of the capture and
// the memory's content of the moment.
TEST(CudaRuntime, AGraphKeepsTheArgumentsItHad) {
  TestDevice device;
  const DeviceMatrix x(device, 1, 5, DType::kF32, {1, 2, 3, 4, 5});
  float factor = 2;
  device.runtime->BeginCapture(*device.stream);
  Scale(factor, x.view(), *device.stream);
  factor = 100;
  auto graph = device.runtime->EndCapture(*device.stream);
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(x.Read(), (std::vector<float>{1, 2, 3, 4, 5}));
  device.runtime->Replay(**graph, *device.stream);
  device.runtime->Replay(**graph, *device.stream);
  EXPECT_EQ(x.Read(), (std::vector<float>{4, 8, 12, 16, 20}));
}

TEST(CudaRuntime, ACapturingStreamCannotBeWaitedFor) {
  TestDevice device;
  device.runtime->BeginCapture(*device.stream);
  EXPECT_EQ(device.runtime->Synchronize(*device.stream).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(device.runtime->EndCapture(*device.stream).ok());
}

// The first error stays, names the line of the launch, and stops what follows.
TEST(CudaRuntime, TheFirstErrorStays) {
  TestDevice device;
  const DeviceMatrix x(device, 1, 4, DType::kF32, {1, 2, 3, 4});
  EXPECT_TRUE(device.runtime->status().ok());
  Launch(WriteAt, 1, 2048, 0, *device.stream, Floats(x), 0);
  Launch(WriteAt, 1, 1, 1 << 20, *device.stream, Floats(x), 0);
  const absl::Status status = device.runtime->Synchronize(*device.stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("runtime_test.cc"));
  EXPECT_THAT(status.message(), HasSubstr("1024 threads"));
  EXPECT_EQ(device.runtime->status(), status);
}

void WriteOutside(int64_t index) {
  TestDevice device;
  const DeviceMatrix x(device, 1, 100);
  Launch(WriteAt, 1, 1, 0, *device.stream, Floats(x), index);
  const absl::Status status = device.runtime->Synchronize(*device.stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("outside its allocation"));
}

TEST(CudaRuntimeDeathTest, AWriteOutsideAnAllocationIsFound) {
  for (const int64_t index : {-1, 100, 227}) {
#if defined(R1_EMU_ASAN)
    EXPECT_DEATH(WriteOutside(index), "use-after-poison");
#else
    WriteOutside(index);
#endif
  }
}

TEST(CudaDeviceDeathTest, AnErrorEndsTheProcessWithItsName) {
  const auto fail = [] {
    CudaDevice device(emu::OpenRuntime({}));
    Launch(WriteAt, 1, Dim3{2048, 1, 1}, 0, device.stream(), nullptr, 0);
    device.Synchronize();
  };
  EXPECT_EXIT(fail(), ::testing::ExitedWithCode(75),
              "the device failed: .*runtime_test.*the same command goes on");
}

TEST(CudaDeviceDeathTest, MemoryThatRunsOutEndsTheProcessWithARemedy) {
  const auto fail = [] {
    CudaDevice device(emu::OpenRuntime({.memory_bytes = 10000}));
    device.Allocate(20000);
  };
  EXPECT_EXIT(fail(), ::testing::ExitedWithCode(1),
              "the device failed: .*microbatch_tokens");
}

}  // namespace
}  // namespace r1::cuda
