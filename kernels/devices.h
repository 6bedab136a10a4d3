// The devices of this machine by name.
#ifndef R1_KERNELS_DEVICES_H_
#define R1_KERNELS_DEVICES_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/device.h"

namespace r1 {

// Opens device `index` of a kind. Errors: of the kind, with the remedy.
using DeviceOpener =
    std::function<absl::StatusOr<std::unique_ptr<Device>>(int index)>;

// What this program can compute on beside "cpu"; called before FindDevice.
void AddDeviceKind(std::string kind, DeviceOpener open);

// Those kinds, in order of name.
std::vector<std::string> DeviceKinds();

// "cpu", or KIND:INDEX, as "cuda:0"; the index may be left out where it is 0.
// A device is opened once and lasts as long as the process. Thread-safe.
// Errors: InvalidArgument for a name that is none of this program's; those of
// opening it.
absl::StatusOr<Device*> FindDevice(absl::string_view name);

}  // namespace r1

#endif  // R1_KERNELS_DEVICES_H_
