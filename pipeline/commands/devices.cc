// r1 devices: what a run can compute on here.
#include "kernels/devices.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "model/memory_plan.h"
#include "pipeline/commands/command.h"

namespace r1 {
namespace {

void Print(const std::string& name, const Device& device) {
  std::printf("%-8s %-20s %s\n", name.c_str(), device.identity().c_str(),
              FormatBytes(device.memory_bytes()).c_str());
}

absl::Status RunDevices() {
  Print("cpu", *CpuDevice());
  for (const std::string& kind : DeviceKinds()) {
    for (int index = 0;; ++index) {
      const std::string name = absl::StrCat(kind, ":", index);
      const absl::StatusOr<Device*> device = FindDevice(name);
      if (device.ok()) {
        Print(name, **device);
        continue;
      }
      if (index == 0) {
        std::printf("%-8s %s\n", name.c_str(),
                    std::string(device.status().message()).c_str());
      }
      break;
    }
  }
  if (DeviceKinds().empty()) {
    std::printf("%-8s this program was built without a CUDA toolkit\n", "cuda");
  }
  return absl::OkStatus();
}

}  // namespace

CommandBody AddDevices(CLI::App* app) {
  CLI::App* command = app->add_subcommand(
      "devices", "List what a run can compute on: names, bits, memory");
  command->footer(
      "Examples:\n"
      "  r1 train my.textproto --run-dir runs/a --set device=cuda:0\n"
      "\nA run stays on one kind of device: others have other bits.");
  return [] { return RunDevices(); };
}

}  // namespace r1
