#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bench {

/// Text to ids and back. Immutable once loaded: any number of threads may use one at a time.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// `special`: also add what the tokenizer adds by default (BOS, </s>, its template).
  /// Text that is not valid UTF-8 is an Error.
  virtual std::vector<int64_t> encode(const std::string& utf8, bool special) const = 0;

  struct Pair {
    std::vector<int64_t> ids, types;  // 0 and 1: of which text a token is
  };
  /// Two texts with what the tokenizer adds around and between them; an Error where it does not
  /// say what that is.
  virtual Pair encode_pair(const std::string& first, const std::string& second) const;

  /// Special tokens are kept and blanks are not cleaned up. An id without a token (models pad their
  /// vocabulary) stands for nothing.
  virtual std::string decode(const std::vector<int64_t>& ids) const = 0;

  int64_t vocab_size() const { return about_.vocab_size; }
  std::optional<int64_t> bos() const { return about_.bos; }
  std::optional<int64_t> eos() const { return about_.eos; }
  /// What stands for a word that is to be found.
  std::optional<int64_t> mask() const { return about_.mask; }
  /// Whether this is a special token: what transformers leaves out of generated text.
  bool is_special(int64_t id) const {
    return about_.special.contains(id) || about_.bos == id || about_.eos == id;
  }
  /// Whose ids these are: spm, slow4, fast4, hf5 or json (docs: load_tokenizer).
  std::string variant() const { return about_.variant; }
  /// SHA-256 (hex) over the bytes of the files it was read from and the name of the variant.
  std::string hash() const { return about_.hash; }

 protected:
  struct About {
    int64_t vocab_size = 0;
    std::optional<int64_t> bos, eos;
    std::string variant, hash;
    std::set<int64_t> special;
    std::optional<int64_t> mask = {};
  };
  Tokenizer() = default;
  explicit Tokenizer(About about) : about_(std::move(about)) {}
  About about_;
};

/// Reads tokenizer.json, tokenizer.model (SentencePiece) or vocab.json + merges.txt from a folder,
/// or one of those files. The same files give other ids in other software, hence the variant:
///   spm    sentencepiece itself: the text of a special token is ordinary text
///   slow4  transformers 4, slow class: cut at special tokens, sentencepiece on each part
///   fast4  transformers 4, fast class: tokenizer.json where there is one; else prepend "▁", " "
///          becomes "▁", byte-pair encoding
///   hf5    transformers 5: as fast4, but no "▁" where one is, merges in the order of the
///          vocabulary, and no unknown token
///   json   tokenizer.json as the tokenizers library runs it; vocab.json + merges.txt as GPT-2's
///   auto   json where there is a tokenizer.json or vocab.json + merges.txt, slow4 otherwise
/// tokenizer_config.json, special_tokens_map.json and config.json beside them say which tokens are
/// special, which is BOS and EOS, and whether they are added.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder_or_file,
                                          const std::string& variant = "auto");

/// What a GGUF file says of its tokenizer (keys tokenizer.ggml.*).
struct BpeVocabulary {
  std::string model = "gpt2";  ///< gpt2: byte-level BPE; llama: SentencePiece's BPE
  std::vector<std::string> tokens;
  std::vector<int> types;  ///< 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte; empty: all 1
  std::vector<std::string> merges;  ///< gpt2: "a b", most frequent first
  std::vector<float> scores;        ///< llama: of each token
  std::string pre;                  ///< gpt2: name of the pre-tokenizer
  std::optional<int64_t> bos, eos, unk;
  std::optional<bool> add_bos;  ///< not stated: what the kind of tokenizer does
  bool add_eos = false;
  bool add_space_prefix = false;  ///< llama: "▁" in front of a text
  std::string hash;               ///< of the file it came from
};

std::unique_ptr<Tokenizer> make_gguf_tokenizer(BpeVocabulary vocabulary);

}  // namespace bench
