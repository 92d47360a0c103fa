#include "tokenizers/huggingface/vocabulary.h"

#include <algorithm>

#include "base/error.h"

namespace bench::text {

Vocabulary::Vocabulary(std::vector<std::string> tokens) {
  tokens_.reserve(tokens.size());
  ids_.reserve(tokens.size());
  for (auto& token : tokens) {
    ids_[token] = static_cast<int64_t>(tokens_.size());
    tokens_.emplace_back(std::move(token));
  }
}

Vocabulary::Vocabulary(std::vector<std::pair<std::string, int64_t>> entries) {
  int64_t size = 0;
  const auto most = 4 * static_cast<int64_t>(entries.size()) + 1024;
  for (const auto& [token, id] : entries) {
    if (id < 0 || id >= most) {
      fail("the vocabulary gives id {} to \"{}\" but has only {} tokens; check the ids", id, token,
           entries.size());
    }
    size = std::max(size, id + 1);
  }
  tokens_.resize(static_cast<size_t>(size));
  ids_.reserve(entries.size());
  for (auto& [token, id] : entries) {
    auto& place = tokens_[static_cast<size_t>(id)];
    if (place) fail("the vocabulary gives id {} to both \"{}\" and \"{}\"", id, *place, token);
    ids_[token] = id;
    place = std::move(token);
  }
}

std::optional<int64_t> Vocabulary::id(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string* Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= size()) return nullptr;
  const auto& token = tokens_[static_cast<size_t>(id)];
  return token ? &*token : nullptr;
}

int64_t Vocabulary::append(const std::string& token) {
  const int64_t id = size();
  ids_[token] = id;
  tokens_.emplace_back(token);
  return id;
}

std::vector<int64_t> byte_tokens(const Vocabulary& vocabulary) {
  std::vector<int64_t> ids;
  for (int byte = 0; byte < 256; ++byte) {
    ids.push_back(vocabulary.id(fmt::format("<0x{:02X}>", byte)).value_or(-1));
  }
  return ids;
}

std::optional<char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  int byte = 0;
  for (const char c : token.substr(3, 2)) {
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) return std::nullopt;
    byte = byte * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  }
  return static_cast<char>(byte);
}

}  // namespace bench::text
