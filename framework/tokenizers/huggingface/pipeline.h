#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tokenizers/huggingface/added_tokens.h"
#include "tokenizers/huggingface/decoder.h"
#include "tokenizers/huggingface/model.h"
#include "tokenizers/huggingface/normalizer.h"
#include "tokenizers/huggingface/pre_tokenizer.h"
#include "tokenizers/tokenizer.h"

namespace bench::text {

/// The parts of a tokenizer as tokenizer.json names them.
struct PipelineParts {
  std::unique_ptr<Model> model;
  std::vector<AddedToken> added;  ///< those that the model lacks get the next ids, in this order
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<Decoder> decoder;  ///< none: tokens are joined by blanks
  /// Added tokens are decoded as they are looked for: tokenizers 0.23, not before.
  bool decodes_normalized = false;
  /// An added token's id must be the one that a file states for it. The tokenizers library itself
  /// counts on and warns: what it gives is the id (added_vocabulary.rs, add_tokens).
  bool stated_ids_bind = true;
  std::vector<int64_t> prefix, suffix;  ///< ids that are added around a text by default
  /// A part of what two texts become: one of them, or an id that is added.
  struct PairPart {
    int text = -1;  ///< 0 or 1; -1: the id
    int64_t id = 0, type = 0;
  };
  std::vector<PairPart> pair;  ///< empty: it is not known
};

/// huggingface/tokenizers: added tokens, normaliser, pre-tokeniser, model, template.
class Pipeline : public Tokenizer {
 public:
  struct Names {
    std::optional<std::string> bos, eos, mask = {};  ///< tokens; an unknown one counts as none
  };
  Pipeline(PipelineParts parts, const Names& names, std::string variant, std::string hash);

  std::vector<int64_t> encode(const std::string& utf8, bool special) const override;
  Pair encode_pair(const std::string& first, const std::string& second) const override;
  std::string decode(const std::vector<int64_t>& ids) const override;

  std::optional<int64_t> id(const std::string& token) const;
  /// For roles that no token's name gave: the ids that config.json states.
  void default_specials(std::optional<int64_t> bos, std::optional<int64_t> eos);

 private:
  class Encoder;
  void look_for(const AddedToken& token);
  const std::string* token(int64_t id) const;

  PipelineParts parts_;
  std::map<std::string, int64_t> added_ids_;
  std::map<int64_t, std::string> added_names_;
  TokenFinder raw_, normalized_;
};

}  // namespace bench::text
