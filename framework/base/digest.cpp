#include "base/digest.h"

#include <openssl/evp.h>

#include <array>
#include <fstream>

#include "base/error.h"

namespace bench {

struct Sha256::State {
  EVP_MD_CTX* context = nullptr;
  bool ended = false;
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  state_->context = EVP_MD_CTX_new();
  require(state_->context != nullptr, "OpenSSL gives a digest context");
  require(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1, "OpenSSL has SHA-256");
}

Sha256::~Sha256() = default;

void Sha256::update(const void* bytes, size_t count) {
  require(!state_->ended, "no bytes are added to an ended digest");
  require(EVP_DigestUpdate(state_->context, bytes, count) == 1, "SHA-256 takes bytes");
}

std::string Sha256::hex() {
  require(!state_->ended, "a digest is ended once");
  state_->ended = true;
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  require(EVP_DigestFinal_ex(state_->context, raw.data(), &length) == 1, "SHA-256 ends");
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", raw[i]);
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read {} to compute its SHA-256; check the path and its permissions", path);
  Sha256 digest;
  std::vector<char> piece(1 << 20);
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    digest.update(piece.data(), static_cast<size_t>(in.gcount()));
  }
  if (in.bad()) fail("reading {} stopped before its end; check the disk and try again", path);
  return digest.hex();
}

std::string json_array_text(const std::vector<int64_t>& ids) {
  std::string text = "[";
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i) text += ", ";
    text += std::to_string(ids[i]);
  }
  return text + "]";
}

}  // namespace bench
