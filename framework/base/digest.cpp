#include "base/digest.h"

#include <openssl/evp.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "base/regular_file.h"

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
  require_regular(path);
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

namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87u, kPrime2 = 0xC2B2AE3D27D4EB4Fu,
                   kPrime3 = 0x165667B19E3779F9u, kPrime4 = 0x85EBCA77C2B2AE63u,
                   kPrime5 = 0x27D4EB2F165667C5u;

template <class T>
T load(const unsigned char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

uint64_t round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

uint64_t merged(uint64_t hash, uint64_t lane) {
  return (hash ^ round(0, lane)) * kPrime1 + kPrime4;
}

/// Four lanes over 32 bytes each; `at` is left behind the last whole stripe.
uint64_t stripes(const unsigned char*& at, const unsigned char* end) {
  uint64_t a = kPrime1 + kPrime2, b = kPrime2, c = 0, d = 0 - kPrime1;
  for (; end - at >= 32; at += 32) {
    a = round(a, load<uint64_t>(at));
    b = round(b, load<uint64_t>(at + 8));
    c = round(c, load<uint64_t>(at + 16));
    d = round(d, load<uint64_t>(at + 24));
  }
  const uint64_t sum = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
  return merged(merged(merged(merged(sum, a), b), c), d);
}

}  // namespace

std::string quick_hash(const void* bytes, size_t count) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  const auto* end = at + count;
  uint64_t hash = (count >= 32 ? stripes(at, end) : kPrime5) + count;
  for (; end - at >= 8; at += 8)
    hash = std::rotl(hash ^ round(0, load<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  if (end - at >= 4) {
    hash = std::rotl(hash ^ load<uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < end; ++at) hash = std::rotl(hash ^ *at * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return fmt::format("{:016x}", hash ^ hash >> 32);
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
