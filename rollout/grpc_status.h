// Status across the wire: gRPC's codes are Abseil's by number.
#ifndef R1_ROLLOUT_GRPC_STATUS_H_
#define R1_ROLLOUT_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace r1 {

inline grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()));
}

inline absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

}  // namespace r1

#endif  // R1_ROLLOUT_GRPC_STATUS_H_
