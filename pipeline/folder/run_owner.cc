#include "pipeline/folder/run_owner.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/process_name.h"
#include "base/status_macros.h"
#include "nlohmann/json.hpp"
#include "pipeline/folder/run_folder.h"
#include "rollout/coordinator_client.h"

namespace r1 {
namespace {

constexpr char kOwnerName[] = "/owner.json";

struct Owner {
  std::string host, address;
};

absl::StatusOr<Owner> ReadOwner(const std::string& run_dir) {
  const std::string path = run_dir + kOwnerName;
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (absl::IsNotFound(text.status())) {
    return absl::UnavailableError(absl::StrCat(
        "no learner has listened for workers of ", run_dir,
        " yet (no owner.json in it): start it with `r1 train --listen`"));
  }
  R1_RETURN_IF_ERROR(text.status());
  const auto json = nlohmann::json::parse(*text, /*cb=*/nullptr,
                                          /*allow_exceptions=*/false);
  const auto field = [&json](const char* name) -> std::string {
    if (!json.is_object() || !json.contains(name)) return "";
    return json[name].is_string() ? json[name].get<std::string>() : "";
  };
  Owner owner = {field("host"), field("address")};
  if (owner.address.empty()) {
    return absl::UnavailableError(absl::StrCat(
        path, " names no address: the learner writes it anew at its start"));
  }
  return owner;
}

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

absl::StatusOr<std::string> FindAddress(const std::string& run_dir) {
  R1_ASSIGN_OR_RETURN(Owner owner, ReadOwner(run_dir));
  const std::string here = ThisProcess().host;
  if (IsLoopback(owner.address) && owner.host != here) {
    return absl::UnavailableError(
        absl::StrCat("the learner on ", owner.host, " listens on ",
                     owner.address, ", which ", here,
                     " cannot reach: start it with --listen 0.0.0.0:PORT"));
  }
  return std::move(owner.address);
}

}  // namespace

absl::Status WriteRunOwner(const std::string& run_dir,
                           const std::string& address) {
  const ProcessName process = ThisProcess();
  const nlohmann::json json = {{"address", address},
                               {"host", process.host},
                               {"job", process.job},
                               {"pid", process.pid}};
  return WriteFileAtomic(run_dir + kOwnerName, json.dump(2) + "\n");
}

absl::Status RemoveRunOwner(const std::string& run_dir) {
  return RemoveAll(run_dir + kOwnerName);
}

FindCoordinator CoordinatorOf(const std::string& run_dir) {
  return [run_dir, address = std::string(),
          channel = std::shared_ptr<grpc::Channel>()]() mutable
         -> absl::StatusOr<std::shared_ptr<grpc::Channel>> {
    std::error_code error;
    if (FileExists(run_dir) && !std::filesystem::is_directory(run_dir, error)) {
      return absl::FailedPreconditionError(absl::StrCat(
          run_dir, " is a file: give HOST:PORT or the folder of a run"));
    }
    if (IsWholeRun(run_dir)) return nullptr;
    R1_ASSIGN_OR_RETURN(const std::string found, FindAddress(run_dir));
    if (found != address) {
      address = found;
      channel = MakeCoordinatorChannel(address);
    }
    return channel;
  };
}

}  // namespace r1
