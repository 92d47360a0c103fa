#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "tokenizers/builders.h"

namespace bench {

Tokenizer::Pair Tokenizer::encode_pair(const std::string&, const std::string&) const {
  fail("this tokenizer does not say what stands between two texts");
}

namespace {

/// What transformers 5 makes of these files depends on the class that they name.
std::unique_ptr<Tokenizer> load_hf5(text::SourceFiles& files) {
  const text::TokenizerConfig config = text::read_config(files);
  std::string name = config.tokenizer_class;
  if (name.empty() && config.present) name = "no tokenizer_class";
  if (name.empty() && !config.model_type.empty() && config.model_type != "llama")
    name = config.model_type;
  if (name.empty()) name = "LlamaTokenizer";
  if (name == "LlamaTokenizer") return text::build_hf5(files);
  const bool as_written = name == "PreTrainedTokenizer" || name == "TokenizersBackend";
  if (as_written && !files.tokenizer_json().empty()) return text::build_json(files, "hf5");
  fail("{} is for {}, whose ids in transformers 5 are not known here; use another variant",
       files.location().string(), name);
}

std::unique_ptr<Tokenizer> load(const std::filesystem::path& place, const std::string& variant) {
  text::SourceFiles files(place);
  const bool has_model = !files.sentencepiece().empty(), has_json = !files.tokenizer_json().empty();
  if (variant == "auto" || variant == "json") {
    if (has_json) return text::build_json(files, "json");
    if (files.vocabulary_and_merges()) return text::build_vocab_merges(files, "json");
    if (files.words()) return text::build_words(files, "json");
    if (variant == "auto") return text::build_slow4(files);
    fail("{} has no tokenizer.json; its variants are spm, slow4, fast4 and hf5", place.string());
  }
  if (variant == "hf5" && (has_model || has_json)) return load_hf5(files);
  // A fast class of transformers 4 reads tokenizer.json as it stands, and stands in for a slow
  // class where there is nothing else to read.
  const bool nothing_else = !has_model && !files.vocabulary_and_merges();
  if (!has_json && files.words() && variant != "spm") return text::build_words(files, variant);
  if (has_json && (variant == "fast4" || (variant == "slow4" && nothing_else)))
    return text::build_json(files, variant);
  if (has_model && variant == "spm") return text::build_spm(files);
  if (has_model && variant == "slow4") return text::build_slow4(files);
  if (has_model && variant == "fast4") return text::build_fast4(files);
  // GPT-2's classes give the same ids in all versions of transformers.
  if (files.vocabulary_and_merges() && variant != "spm")
    return text::build_vocab_merges(files, variant);
  fail("{} has no tokenizer.model, which the variant {} needs; use json", place.string(), variant);
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder_or_file,
                                          const std::string& variant) {
  const std::vector<std::string> known = {"auto", "spm", "slow4", "fast4", "hf5", "json"};
  if (std::find(known.begin(), known.end(), variant) == known.end())
    fail("there is no tokenizer variant \"{}\"{}", variant, suggestion(variant, known));
  try {
    return load(folder_or_file, variant);
  } catch (const Error& error) {
    // What goes wrong deep inside, say in a regular expression, does not know its file.
    const std::string what = error.what(), place = folder_or_file.string();
    if (what.find(place) != std::string::npos) throw;
    fail("{}: {}", place, what);
  }
}

}  // namespace bench
