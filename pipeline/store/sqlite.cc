#include "pipeline/store/sqlite.h"

#include <sqlite3.h>

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace r1 {
namespace {

// How long a statement waits for another process to let go of the file.
constexpr int kBusyTimeoutMs = 10000;

absl::Status SqliteStatus(int code, absl::string_view path,
                          absl::string_view detail) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(path,
                       ": the disk is full: free some space, then give "
                       "the same command again"));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DamagedDatabaseError(path, detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(absl::StrCat(
          path, " is locked by another program: close it, then try again"));
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(absl::StrCat(
          "cannot open ", path, " (", detail, "): check the folder's rights"));
    case SQLITE_IOERR:
      return absl::UnavailableError(absl::StrCat(
          path, " cannot be read or written (", detail,
          "): check the disk and its free space, then give the same command "
          "again"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::PermissionDeniedError(absl::StrCat(
          path, " cannot be written: check the rights of file and folder"));
    default:
      return absl::UnavailableError(absl::StrCat(path, ": ", detail));
  }
}

}  // namespace

absl::Status DamagedDatabaseError(absl::string_view path,
                                  absl::string_view detail) {
  return absl::DataLossError(absl::StrCat(
      path, " is damaged (", absl::StrReplaceAll(detail, {{"\n", " "}}),
      "): move it and its -wal and -shm files away, then give the same command "
      "again; the run goes on from its newest checkpoint, without the metrics "
      "and samples recorded so far"));
}

Statement::~Statement() { sqlite3_finalize(statement_); }

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  return *this;
}

Statement& Statement::BindInt(int parameter, int64_t value) {
  R1_CHECK(sqlite3_bind_int64(statement_, parameter, value) == SQLITE_OK,
           "a parameter of the statement");
  return *this;
}

Statement& Statement::BindDouble(int parameter, double value) {
  R1_CHECK(sqlite3_bind_double(statement_, parameter, value) == SQLITE_OK,
           "a parameter of the statement");
  return *this;
}

Statement& Statement::BindText(int parameter, absl::string_view value) {
  if (!IsUtf8(value)) return BindText(parameter, ToValidUtf8(value));
  R1_CHECK(sqlite3_bind_text(statement_, parameter, value.data(),
                             static_cast<int>(value.size()),
                             SQLITE_TRANSIENT) == SQLITE_OK,
           "a parameter of the statement, below 1 GB");
  return *this;
}

Statement& Statement::BindBlob(int parameter, absl::string_view value) {
  // A null pointer would bind NULL instead of an empty blob.
  const char* data = value.empty() ? "" : value.data();
  R1_CHECK(sqlite3_bind_blob(statement_, parameter, data,
                             static_cast<int>(value.size()),
                             SQLITE_TRANSIENT) == SQLITE_OK,
           "a parameter of the statement, below 1 GB");
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  absl::Status error = database_->LastError();
  sqlite3_reset(statement_);
  return error;
}

absl::Status Statement::Run() {
  bool has_row = true;
  while (has_row) {
    R1_ASSIGN_OR_RETURN(has_row, Step());
  }
  return absl::OkStatus();
}

void Statement::Reset() { sqlite3_reset(statement_); }

bool Statement::IsNull(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

int64_t Statement::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::Double(int column) const {
  if (IsNull(column)) return std::numeric_limits<double>::quiet_NaN();
  return sqlite3_column_double(statement_, column);
}

absl::string_view Statement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr) return {};
  return absl::string_view(static_cast<const char*>(data), size);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const std::string& path, Mode mode) {
  const int flags =
      SQLITE_OPEN_NOMUTEX |
      (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                : SQLITE_OPEN_READONLY);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(path, handle));
  if (code != SQLITE_OK) {
    return SqliteStatus(code, path, sqlite3_errstr(code));
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  if (mode == Mode::kReadWrite) {
    R1_RETURN_IF_ERROR(database->Execute("PRAGMA journal_mode = WAL"));
    R1_RETURN_IF_ERROR(database->Execute("PRAGMA synchronous = FULL"));
  }
  return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

absl::Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    return LastError();
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) const {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()),
                         &statement, nullptr) != SQLITE_OK) {
    return LastError();
  }
  return Statement(this, statement);
}

absl::StatusOr<int64_t> Database::QueryInt(absl::string_view sql) const {
  R1_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  R1_ASSIGN_OR_RETURN(const bool has_row, statement.Step());
  return has_row ? statement.Int(0) : 0;
}

absl::Status Database::LastError() const {
  return SqliteStatus(sqlite3_extended_errcode(handle_), path_,
                      sqlite3_errmsg(handle_));
}

}  // namespace r1
