#include "tasks/protocol.h"

#include <set>

#include "base/error.h"
#include "base/near.h"

namespace bench {

namespace {

// lm_eval/api/samplers.py, filters/extraction.py, api/model.py, models/huggingface.py: up to
// 0.4.9.1, and of 0.4.13.
constexpr DocumentRules kOlder{DocumentRules::Own::Dropped, DocumentRules::Sides::Left, false,
                               false};
constexpr DocumentRules kNewest{};

}  // namespace

const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> all{
      {"wanda@8e8fc87", "perplexity", "slow4", true, true, "", 0, false,
       "locuslab/wanda lib/data.py:26, lib/eval.py:83-129", kNewest},
      {"sparsegpt@147d215", "perplexity", "slow4", true, true, "", 0, false,
       "IST-DASLab/sparsegpt datautils.py:33, llama.py:155, 228-236: the rule that wanda copied",
       kNewest},
      {"llm-pruner@128a07d", "perplexity", "slow4", true, true, "", 128, false,
       "horseee/LLM-Pruner evaluator/ppl.py, datasets/ppl_dataset.py:20-36", kNewest},
      {"llm-pruner@128a07d", "loglikelihood", "slow4", false, false, "eos", 0, false,
       "horseee/LLM-Pruner lm-evaluation-harness/lm_eval/base.py:173-185 (lm-eval 0.3.0): context "
       "and continuation encoded apart",
       kOlder},
      {"wanda-lm-eval@df3da98", "loglikelihood", "slow4", false, true, "eos", 0, false,
       "lm-evaluation-harness of 2023-07-18 (df3da98), which wanda pins: no BOS, EOS as prefix",
       kOlder},
      {"lm-eval@0.4.9.1", "loglikelihood", "fast4", false, true, "bos_or_eos", 0, false,
       "lm_eval/api/model.py:368-405, models/huggingface.py (add_bos_token False)", kOlder},
      {"lm-eval@0.4.13", "loglikelihood", "fast4", true, true, "bos_or_eos", 0, true,
       "lm_eval/models/huggingface.py since 0.4.9.2: the tokenizer's own BOS default", kNewest},
      {"prunebench@1", "loglikelihood", "fast4", true, true, "bos_or_eos", 0, false,
       "this project: as lm-eval@0.4.13, but a rolled document has exactly one BOS, unscored",
       kNewest},
  };
  return all;
}

const Protocol& protocol(const std::string& id, const std::string& kind) {
  std::vector<std::string> known;
  const Protocol* other = nullptr;
  for (const auto& p : protocols()) {
    if (p.id == id && p.kind == kind) return p;
    if (p.id == id) other = &p;
    if (p.kind == kind) known.push_back(p.id);
  }
  if (other)
    fail("protocol '{}' measures {}{}", id,
         other->kind == "perplexity" ? "windows of text, not documents"
                                     : "continuations, not windows of text",
         suggestion(id, known));
  fail("protocol '{}' is not known{}", id, suggestion(id, known));
}

std::vector<Protocol> protocols_at(const std::string& path, const std::vector<std::string>& ids,
                                   const std::string& kind) {
  std::vector<Protocol> all;
  std::set<std::string> seen;
  for (const auto& id : ids) {
    try {
      all.push_back(protocol(id, kind));
    } catch (const Error& e) {
      fail("{}: {}", path, e.what());
    }
    if (!seen.insert(id).second) fail("{}: '{}' is named twice", path, id);
  }
  if (all.empty()) fail("{}: name at least one protocol", path);
  return all;
}

}  // namespace bench
