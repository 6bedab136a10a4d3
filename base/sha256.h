// SHA-256 of byte streams, over OpenSSL (the only file that includes it).
#ifndef R1_BASE_SHA256_H_
#define R1_BASE_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace r1 {

// Threads: not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(const void* data, size_t size_bytes);
  void Update(absl::string_view data) { Update(data.data(), data.size()); }
  // 64 lower-case hexadecimal digits; the object is then spent.
  std::string FinishHex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The digest of one buffer, in hexadecimal.
std::string Sha256Hex(absl::string_view data);

}  // namespace r1

#endif  // R1_BASE_SHA256_H_
