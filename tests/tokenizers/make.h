#pragma once
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test.h"
#include "tokenizers/tokenizer.h"

namespace bench::test {

using Ids = std::vector<int64_t>;
using Json = nlohmann::json;

inline void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

// Protocol buffer fields, to write SentencePiece models by hand.
inline std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string field(uint64_t number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}
inline std::string field(uint64_t number, uint64_t value) {
  return varint(number << 3) + varint(value);
}
inline std::string piece(const std::string& text, float score, uint64_t type = 1) {
  std::string bits(sizeof score, '\0');
  std::memcpy(bits.data(), &score, sizeof score);
  return field(1, field(1, text) + varint(2 << 3 | 5) + bits + field(3, type));
}

/// A small SentencePiece model: <unk> <s> </s>, then `pieces`.
struct SpmFile {
  uint64_t kind = 2;  // 1 unigram, 2 bpe
  std::string pieces, trainer, normalizer;
  std::string bytes() const {
    return piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3) + pieces +
           field(2, field(3, kind) + trainer) + field(3, normalizer);
  }
};

/// The tokenizer of a tokenizer.json that is BPE over bytes, with what `changes` says on top.
inline std::unique_ptr<Tokenizer> from_json(const Json& changes) {
  Json file = {{"version", "1.0"},
               {"added_tokens", Json::array()},
               {"normalizer", nullptr},
               {"pre_tokenizer", nullptr},
               {"post_processor", nullptr},
               {"decoder", nullptr},
               {"model", {{"type", "BPE"}, {"unk_token", nullptr}, {"merges", Json::array()}}}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    file["model"]["vocab"][name] = byte;
  }
  file["model"]["byte_fallback"] = true;
  file.update(changes);
  const TempDir folder;
  write(folder.path / "tokenizer.json", file.dump());
  return load_tokenizer(folder.path);
}

/// What a normaliser makes of a text, read from the bytes that it becomes.
inline std::string normalized(const Json& spec, const std::string& text) {
  std::string out;
  for (const int64_t id : from_json({{"normalizer", spec}})->encode(text, false))
    out += static_cast<char>(id);
  return out;
}

/// What a pre-tokeniser cuts a text into. A second one puts a mark before each piece.
inline std::string cut(const Json& spec, const std::string& text) {
  const Json mark = {
      {"type", "Metaspace"}, {"replacement", "|"}, {"prepend_scheme", "always"}, {"split", false}};
  const Json both = {{"type", "Sequence"}, {"pretokenizers", Json::array({spec, mark})}};
  std::string out;
  for (const int64_t id : from_json({{"pre_tokenizer", both}})->encode(text, false))
    out += static_cast<char>(id);
  return out;
}

}  // namespace bench::test
