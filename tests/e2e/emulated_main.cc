// The program with the emulated device as "emu" beside the CPU.
#include "kernels/cuda/cuda_device.h"
#include "kernels/devices.h"
#include "pipeline/commands/command_line.h"

int main(int argc, char** argv) {
  r1::AddDeviceKind("emu", r1::cuda::OpenCudaDevice);
  return r1::RunCommandLine(argc, argv);
}
