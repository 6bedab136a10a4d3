// Numbers and byte strings one after the other: how the program and its
// launchers, which share no library but this header, talk over a socket.
#ifndef R1_REWARD_SANDBOX_WIRE_H_
#define R1_REWARD_SANDBOX_WIRE_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace r1 {

// Both are called with the members of a message: integers, texts, messages and
// vectors of these.
class WireWriter {
 public:
  template <typename... Members>
  void operator()(const Members&... members) {
    (Put(members), ...);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  void Put(uint64_t value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void Put(const std::string& value) {
    Put(uint64_t{value.size()});
    bytes_.append(value);
  }
  template <typename Part>
  void Put(const std::vector<Part>& parts) {
    Put(uint64_t{parts.size()});
    for (const Part& part : parts) Put(part);
  }
  template <typename Message>
  void Put(const Message& message) {
    Message::Visit(message, *this);
  }

  std::string bytes_;
};

// Reads what a WireWriter wrote. Past the end, or after a length that does not
// fit, ok() is false and values are 0 and empty.
class WireReader {
 public:
  // Points into `bytes`, which must outlive the reader.
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  template <typename... Members>
  void operator()(Members&... members) {
    (Get(members), ...);
  }
  bool ok() const { return is_ok_; }

 private:
  void Get(uint64_t& value) {
    const std::string_view bytes = Bytes(sizeof(value));
    value = 0;
    std::memcpy(&value, bytes.data(), bytes.size());
  }
  void Get(std::string& value) {
    uint64_t size = 0;
    Get(size);
    value = Bytes(size);
  }
  template <typename Part>
  void Get(std::vector<Part>& parts) {
    uint64_t size = 0;
    Get(size);
    parts.clear();
    for (; size > 0 && is_ok_; --size) Get(parts.emplace_back());
  }
  template <typename Message>
  void Get(Message& message) {
    Message::Visit(message, *this);
  }
  std::string_view Bytes(uint64_t size) {
    is_ok_ = is_ok_ && rest_.size() >= size;
    const std::string_view bytes = rest_.substr(0, is_ok_ ? size : 0);
    rest_.remove_prefix(is_ok_ ? size : rest_.size());
    return bytes;
  }

  std::string_view rest_;
  bool is_ok_ = true;
};

// A message T names its members once, in T::Visit(self, wire).
template <typename T>
struct WireMessage {
  std::string Pack() const {
    WireWriter out;
    T::Visit(static_cast<const T&>(*this), out);
    return out.Take();
  }
  bool Unpack(std::string_view bytes) {
    WireReader in(bytes);
    T::Visit(static_cast<T&>(*this), in);
    return in.ok();
  }
};

}  // namespace r1

#endif  // R1_REWARD_SANDBOX_WIRE_H_
