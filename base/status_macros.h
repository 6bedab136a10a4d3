// Early return on a failed absl::Status / absl::StatusOr.
#ifndef R1_BASE_STATUS_MACROS_H_
#define R1_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#define R1_CONCAT_INNER(a, b) a##b
#define R1_CONCAT(a, b) R1_CONCAT_INNER(a, b)

// Returns the status of `expr` from the calling function if it is not OK.
#define R1_RETURN_IF_ERROR(expr)             \
  do {                                       \
    absl::Status r1_status_ = (expr);        \
    if (!r1_status_.ok()) return r1_status_; \
  } while (false)

// `lhs = value of expr`, or returns the error. lhs may declare a variable.
#define R1_ASSIGN_OR_RETURN(lhs, expr) \
  R1_ASSIGN_OR_RETURN_IMPL(R1_CONCAT(r1_statusor_, __LINE__), lhs, expr)
#define R1_ASSIGN_OR_RETURN_IMPL(statusor, lhs, expr) \
  auto statusor = (expr);                             \
  if (!statusor.ok()) return statusor.status();       \
  lhs = *std::move(statusor)

namespace r1 {

// The same error with "context: " in front of its message.
inline absl::Status Annotate(const absl::Status& status,
                             absl::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(context, ": ", status.message()));
}

}  // namespace r1

#endif  // R1_BASE_STATUS_MACROS_H_
