#pragma once
#include <memory>
#include <string>

#include "tokenizers/source_files.h"
#include "tokenizers/tokenizer.h"

// One builder for each way of reading a tokenizer's files. `variant` is the name that the
// tokenizer then reports.
namespace bench::text {

/// tokenizer.json as huggingface/tokenizers runs it.
std::unique_ptr<Tokenizer> build_json(SourceFiles& files, const std::string& variant);

/// vocab.json and merges.txt: GPT-2, OPT, or what tokenizer_config.json says.
std::unique_ptr<Tokenizer> build_vocab_merges(SourceFiles& files, const std::string& variant);

/// vocab.txt: BERT, DistilBERT and ELECTRA, as tokenizer_config.json says.
std::unique_ptr<Tokenizer> build_words(SourceFiles& files, const std::string& variant);

/// sentencepiece itself, and the slow LlamaTokenizer of transformers 4 around it.
std::unique_ptr<Tokenizer> build_spm(SourceFiles& files);
std::unique_ptr<Tokenizer> build_slow4(SourceFiles& files);

/// The LlamaTokenizerFast of transformers 4, converted from the SentencePiece model.
std::unique_ptr<Tokenizer> build_fast4(SourceFiles& files);

/// The LlamaTokenizer of transformers 5, from a SentencePiece model or a tokenizer.json.
std::unique_ptr<Tokenizer> build_hf5(SourceFiles& files);

}  // namespace bench::text
