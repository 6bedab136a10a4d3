// A thin owner of SQLite handles: the only door to the library. The run store
// and its reader are its users.
// Errors: ResourceExhausted for a full disk, DataLoss for a damaged file,
// NotFound for a missing one, else Unavailable; each message names the file
// and what to do.
#ifndef R1_PIPELINE_STORE_SQLITE_H_
#define R1_PIPELINE_STORE_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace r1 {

class Database;

// DataLoss: the database at `path` is damaged, in one line with the remedy.
absl::Status DamagedDatabaseError(absl::string_view path,
                                  absl::string_view detail);

// One prepared statement. Parameters count from 1, columns from 0.
// Threads: one, that of its database.
class Statement {
 public:
  Statement() = default;
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  // Bound text and blobs are copied. Binding cannot fail for parameters that
  // exist; others are a bug.
  Statement& BindInt(int parameter, int64_t value);
  // NaN becomes NULL: SQLite has no other place for it.
  Statement& BindDouble(int parameter, double value);
  // What is no UTF-8 becomes U+FFFD: other programs refuse to read such text.
  Statement& BindText(int parameter, absl::string_view value);
  Statement& BindBlob(int parameter, absl::string_view value);

  // True: a row is there to be read. False: done, and reset for the next use.
  absl::StatusOr<bool> Step();
  // Runs a statement without rows to its end.
  absl::Status Run();
  // Drops the rows not yet read.
  void Reset();

  bool IsNull(int column) const;
  int64_t Int(int column) const;
  double Double(int column) const;  // NULL reads as NaN
  // The bytes of a text or blob; valid until the next Step or Reset.
  absl::string_view Bytes(int column) const;

 private:
  friend class Database;
  Statement(const Database* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  const Database* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

// Threads: one at a time; open two for two threads.
class Database {
 public:
  enum class Mode {
    kReadWrite,  // created if missing; WAL, synchronous = FULL
    kReadOnly,   // must exist; another process may be writing
  };

  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // One or more statements without parameters or rows.
  absl::Status Execute(const std::string& sql);
  absl::StatusOr<Statement> Prepare(absl::string_view sql) const;
  // The first column of the first row, for statements that have one.
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql) const;

  // The error of the last call, in words for a person.
  absl::Status LastError() const;
  const std::string& path() const { return path_; }

 private:
  Database(std::string path, sqlite3* handle)
      : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  sqlite3* handle_;
};

}  // namespace r1

#endif  // R1_PIPELINE_STORE_SQLITE_H_
