#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/huggingface/added_tokens.h"
#include "tokenizers/huggingface/bpe.h"
#include "tokenizers/json_file.h"
#include "tokenizers/huggingface/pipeline.h"

namespace bench::text {

// Parts of a tokenizer.json. `where` names the file in errors.
std::vector<std::pair<std::string, int64_t>> vocab_from_json(const Json& vocab,
                                                             const std::string& where);
std::vector<Merge> merges_from_json(const Json& merges, const std::string& where);
std::vector<AddedToken> added_from_json(const Json& file, const std::string& where);
std::unique_ptr<Model> model_from_json(const Json& model, const std::string& where);

/// All parts of a tokenizer.json.
PipelineParts parts_from_json(const Json& file, const std::string& where);

/// Reads the "post_processor" into the prefix and suffix of `parts`.
void template_from_json(const Json& processor, const std::string& where, PipelineParts& parts);

}  // namespace bench::text
