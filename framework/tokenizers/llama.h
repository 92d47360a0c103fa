#pragma once
#include <string>
#include <vector>

#include "tokenizers/huggingface/bpe.h"
#include "tokenizers/sentencepiece/sentencepiece_model.h"
#include "tokenizers/source_files.h"

namespace bench::text {

/// Special tokens as the LlamaTokenizer of transformers names them where no file does.
struct LlamaNames {
  std::optional<std::string> bos, eos, unk, pad;
  std::vector<std::string> additional;
  explicit LlamaNames(const TokenizerConfig& config);
  /// All of them, each once: unk, bos, eos, pad, additional.
  std::vector<std::string> all() const;
};

/// What LlamaTokenizer looks for in the text: added_tokens_decoder, then the special tokens.
std::vector<AddedToken> llama_added(const TokenizerConfig& config, const LlamaNames& names);

/// The merges that transformers reads out of a vocabulary (generate_merges): every way to cut a
/// token into two tokens. `scores`: the best score first, as SentencePiece would merge (4.x);
/// without: the smallest id first (5.x).
std::vector<Merge> generate_merges(const Vocabulary& vocabulary, const std::vector<float>* scores);

}  // namespace bench::text
