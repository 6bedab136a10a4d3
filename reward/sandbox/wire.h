// Numbers and byte strings one after the other: how the program and its
// launchers, which share no library but this header, talk over a socket.
#ifndef R1_REWARD_SANDBOX_WIRE_H_
#define R1_REWARD_SANDBOX_WIRE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace r1 {

class WireWriter {
 public:
  void Number(uint64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Bytes(std::string_view value) {
    Number(value.size());
    bytes_.append(value);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads what a WireWriter wrote. Past the end, or after a length that does not
// fit, ok() is false and values are 0 and empty.
class WireReader {
 public:
  // Points into `bytes`, which must outlive the reader.
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  uint64_t Number() {
    uint64_t value = 0;
    if (rest_.size() < sizeof(value)) return Fail(), 0;
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
    return value;
  }
  std::string_view Bytes() {
    const uint64_t size = Number();
    if (rest_.size() < size) return Fail(), std::string_view();
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  bool ok() const { return is_ok_; }

 private:
  void Fail() {
    is_ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool is_ok_ = true;
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_WIRE_H_
