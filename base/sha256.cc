#include "base/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "base/check.h"

namespace r1 {

struct Sha256::Impl {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  R1_CHECK(EVP_DigestInit_ex(impl_->context, EVP_sha256(), nullptr) == 1,
           "SHA-256 is available in libcrypto");
}

Sha256::~Sha256() = default;

void Sha256::Update(const void* data, size_t size_bytes) {
  R1_CHECK(EVP_DigestUpdate(impl_->context, data, size_bytes) == 1,
           "digest accepts data");
}

std::string Sha256::FinishHex() {
  unsigned char digest[32];
  unsigned int size = 0;
  R1_CHECK(EVP_DigestFinal_ex(impl_->context, digest, &size) == 1 && size == 32,
           "digest is finished once");
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), sizeof(digest)));
}

std::string Sha256Hex(absl::string_view data) {
  Sha256 hash;
  hash.Update(data);
  return hash.FinishHex();
}

}  // namespace r1
