#include "pipeline/commands/command_line.h"

#if defined(R1_HAS_CUDA)
#include "kernels/cuda/cuda_device.h"
#include "kernels/devices.h"
#endif

int main(int argc, char** argv) {
#if defined(R1_HAS_CUDA)
  r1::AddDeviceKind("cuda", r1::cuda::OpenCudaDevice);
#endif
  return r1::RunCommandLine(argc, argv);
}
