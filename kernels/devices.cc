#include "kernels/devices.h"

#include <map>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"

namespace r1 {
namespace {

ABSL_CONST_INIT absl::Mutex mutex(absl::kConstInit);

struct Kind {
  DeviceOpener open;
  std::map<int, std::unique_ptr<Device>> opened;
};

// Never destroyed, as buffers of any age give their memory back.
std::map<std::string, Kind>& Kinds() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  static auto& kinds = *new std::map<std::string, Kind>;
  return kinds;
}

// KIND or KIND:INDEX.
bool Matches(absl::string_view name, absl::string_view kind, int* index) {
  *index = 0;
  return name == kind ||
         (absl::ConsumePrefix(&name, absl::StrCat(kind, ":")) &&
          absl::SimpleAtoi(name, index) && name == absl::StrCat(*index));
}

}  // namespace

void AddDeviceKind(std::string kind, DeviceOpener open) {
  absl::MutexLock lock(&mutex);
  Kinds()[std::move(kind)].open = std::move(open);
}

std::vector<std::string> DeviceKinds() {
  absl::MutexLock lock(&mutex);
  std::vector<std::string> names;
  for (const auto& [name, kind] : Kinds()) names.push_back(name);
  return names;
}

absl::StatusOr<Device*> FindDevice(absl::string_view name) {
  if (name == "cpu") return CpuDevice();
  absl::MutexLock lock(&mutex);
  std::string expected = "\"cpu\"";
  for (auto& [kind, devices] : Kinds()) {
    absl::StrAppend(&expected, ", \"", kind, ":0\"");
    int index;
    if (!Matches(name, kind, &index)) continue;
    std::unique_ptr<Device>& device = devices.opened[index];
    if (device == nullptr) {
      absl::StatusOr<std::unique_ptr<Device>> opened = devices.open(index);
      if (!opened.ok()) return opened.status();
      device = *std::move(opened);
    }
    return device.get();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("device \"", name, "\": expected ", expected,
                   Kinds().count("cuda") > 0
                       ? ""
                       : " (this program was built without a CUDA toolkit)"));
}

}  // namespace r1
