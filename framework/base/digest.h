#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// SHA-256 over bytes that arrive in pieces. hex() ends the digest: after it, only destroy.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(const void* bytes, size_t count);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  std::string hex();  ///< 64 lower-case hex digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);

/// Digest of a file's content, read in pieces of fixed size. An Error if it cannot be read.
std::string sha256_file(const std::string& path);

/// XXH64 with seed 0 (Yann Collet; xxhash.com, XXH64 specification), 16 hex digits: many times
/// faster than SHA-256, to tell where two computations part; no protection against a forger.
std::string quick_hash(const void* bytes, size_t count);

/// "[1, 2, 3]": the text whose SHA-256 identifies a token stream in recorded results
/// (Python's json.dumps of a list of integers).
std::string json_array_text(const std::vector<int64_t>& ids);

}  // namespace bench
