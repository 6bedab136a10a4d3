#include "model/safetensors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "model/safetensors_header.h"
#include "nlohmann/json.hpp"

namespace r1 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the format is little-endian");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kAlignmentBytes = 64;
constexpr size_t kChunkBytes = size_t{1} << 20;

absl::Status Refuse(absl::string_view path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

// Fills `size` bytes from `offset`; a file that ends earlier is an error.
absl::Status ReadAt(int fd, const std::string& path, uint64_t offset,
                    size_t size, char* out) {
  while (size > 0) {
    const ssize_t n = ::pread(fd, out, size, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("cannot read", path, errno);
    if (n == 0) {
      return Refuse(path, absl::StrCat("ends at byte ", offset, ", ", size,
                                       " bytes too early"));
    }
    offset += n;
    size -= n;
    out += n;
  }
  return absl::OkStatus();
}

float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

float Bf16ToFloat(uint16_t bits) { return FromBits(uint32_t{bits} << 16); }

// Exact: every IEEE half is a float. Payloads of NaNs are kept.
float HalfToFloat(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 31;
  const uint32_t mantissa = bits & 1023;
  if (exponent == 31) return FromBits(sign | 0x7f800000u | mantissa << 13);
  if (exponent > 0)
    return FromBits(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1.0p-24f;
  return sign != 0 ? -magnitude : magnitude;
}

void Widen(FileDType dtype, const uint16_t* in, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) {
    out[i] = dtype == FileDType::kF16 ? HalfToFloat(in[i]) : Bf16ToFloat(in[i]);
  }
}

// Length, header, and spaces up to the alignment.
std::string MakeHeader(absl::Span<const SafetensorsShape> tensors) {
  nlohmann::ordered_json json;
  json["__metadata__"] = {{"format", "pt"}};
  uint64_t offset = 0;
  for (const SafetensorsShape& tensor : tensors) {
    uint64_t end = sizeof(float);
    for (int64_t extent : tensor.shape) end *= extent;
    end += offset;
    json[tensor.name] = {{"dtype", "F32"},
                         {"shape", tensor.shape},
                         {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string header = json.dump();
  const uint64_t unpadded = kLengthBytes + header.size();
  const uint64_t padded =
      (unpadded + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  header.append(padded - unpadded, ' ');
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), kLengthBytes) +
         header;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(
    const std::string& path) {
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile());
  file->path_ = path;
  // Non-blocking, so that a FIFO in the place of a file cannot hang the open.
  file->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file->fd_ < 0) return ErrnoStatus("cannot open", path, errno);
  struct stat info;
  if (::fstat(file->fd_, &info) != 0) {
    return ErrnoStatus("cannot inspect", path, errno);
  }
  if (!S_ISREG(info.st_mode)) return Refuse(path, "is not a regular file");
  const uint64_t size = static_cast<uint64_t>(info.st_size);
  if (size < kLengthBytes) {
    return Refuse(path, absl::StrCat("has ", size,
                                     " bytes, no room for a header length"));
  }
  uint64_t length = 0;
  R1_RETURN_IF_ERROR(ReadAt(file->fd_, path, 0, kLengthBytes,
                            reinterpret_cast<char*>(&length)));
  const uint64_t limit =
      std::min(size - kLengthBytes, kMaxSafetensorsHeaderBytes);
  if (length < 2 || length > limit) {
    return Refuse(path, absl::StrCat("not a safetensors file: header length ",
                                     length, " is outside [2, ", limit, "]"));
  }
  std::string header(length, '\0');
  R1_RETURN_IF_ERROR(
      ReadAt(file->fd_, path, kLengthBytes, length, header.data()));
  file->data_begin_ = kLengthBytes + length;
  auto entries = ParseSafetensorsHeader(header, size - file->data_begin_);
  if (!entries.ok()) return Annotate(entries.status(), path);
  file->entries_ = *std::move(entries);
  return file;
}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) ::close(fd_);
}

absl::Status SafetensorsFile::ReadFloat(const SafetensorsEntry& entry,
                                        absl::Span<float> out) const {
  const bool is_f32 = entry.dtype == FileDType::kF32;
  if (entry.dtype == FileDType::kOther) {
    return Refuse(
        path_, absl::StrCat("tensor \"", entry.name, "\" has dtype ",
                            entry.dtype_name, ", expected F32, F16 or BF16"));
  }
  const size_t item_bytes = is_f32 ? 4 : 2;
  R1_CHECK(out.size() * item_bytes == entry.end - entry.begin,
           "the caller's buffer has the tensor's size");
  uint64_t offset = data_begin_ + entry.begin;
  if (is_f32) {
    return ReadAt(fd_, path_, offset, out.size() * item_bytes,
                  reinterpret_cast<char*>(out.data()));
  }
  std::vector<uint16_t> chunk(std::min(kChunkBytes / item_bytes, out.size()));
  while (!out.empty()) {
    const size_t count = std::min(chunk.size(), out.size());
    R1_RETURN_IF_ERROR(ReadAt(fd_, path_, offset, count * item_bytes,
                              reinterpret_cast<char*>(chunk.data())));
    Widen(entry.dtype, chunk.data(), count, out.data());
    offset += count * item_bytes;
    out.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status WriteSafetensors(const std::string& path,
                              absl::Span<const SafetensorsTensor> tensors) {
  std::vector<SafetensorsShape> shapes;
  for (const SafetensorsTensor& tensor : tensors) {
    shapes.push_back({tensor.name, tensor.shape});
  }
  return WriteSafetensors(path, shapes, [&](int i) { return tensors[i].data; });
}

absl::Status WriteSafetensors(
    const std::string& path, absl::Span<const SafetensorsShape> tensors,
    absl::FunctionRef<absl::Span<const float>(int index)> data) {
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoStatus("cannot create", path, errno);
  absl::Status status = WriteAll(fd, path, MakeHeader(tensors));
  for (size_t i = 0; i < tensors.size() && status.ok(); ++i) {
    const absl::Span<const float> values = data(i);
    status =
        WriteAll(fd, path,
                 absl::string_view(reinterpret_cast<const char*>(values.data()),
                                   values.size() * sizeof(float)));
  }
  // A full disk may show only here.
  if (::close(fd) != 0 && status.ok()) {
    status = ErrnoStatus("cannot close", path, errno);
  }
  return status;
}

}  // namespace r1
