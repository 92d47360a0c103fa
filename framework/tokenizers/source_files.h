#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tokenizers/huggingface/added_tokens.h"
#include "tokenizers/json_file.h"

namespace bench::text {

/// Names of the files that a tokenizer may be read from, in a folder.
const std::vector<std::string>& tokenizer_files();

/// The files of one tokenizer. Each is read once, and what was read is what the hash covers.
class SourceFiles {
 public:
  /// A folder, or one file within it.
  explicit SourceFiles(const std::filesystem::path& folder_or_file);

  bool has(const std::string& name) const;
  /// The bytes of a file of the folder.
  const std::string& bytes(const std::string& name);
  std::string path(const std::string& name) const;
  std::filesystem::path location() const { return location_; }

  /// The name of the SentencePiece model, of tokenizer.json; empty where there is none.
  std::string sentencepiece() const { return sentencepiece_; }
  std::string tokenizer_json() const { return json_; }
  bool vocabulary_and_merges() const { return pair_; }
  bool words() const { return words_; }  ///< vocab.txt

  /// SHA-256 over the files read so far, in the order of their names, and the variant.
  std::string hash(const std::string& variant) const;

 private:
  std::filesystem::path location_, folder_;
  std::string sentencepiece_, json_;
  bool pair_ = false, words_ = false;
  std::map<std::string, std::string> read_;
};

/// What tokenizer_config.json, special_tokens_map.json and config.json say of a tokenizer.
struct TokenizerConfig {
  std::optional<std::string> bos, eos, unk, pad, cls, sep, mask;
  /// Roles that a file gives, if only as null ("no such token").
  bool states_bos = false, states_eos = false;
  bool present = false;  ///< there is a tokenizer_config.json
  std::vector<std::string> additional;
  std::map<int64_t, AddedToken> added;  ///< added_tokens_decoder
  std::optional<bool> add_bos, add_eos, legacy, add_prefix_space;
  std::optional<bool> lower_case, chinese_chars, strip_accents;  ///< BERT's
  std::string tokenizer_class;            ///< without "Fast"; empty where none is named
  std::optional<int64_t> bos_id, eos_id;  ///< config.json, read where the others are silent
  std::string model_type;                 ///< the same
};

TokenizerConfig read_config(SourceFiles& files);

}  // namespace bench::text
