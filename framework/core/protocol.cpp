#include "core/protocol.h"

#include "base/error.h"
#include "base/near.h"

namespace bench {

const std::vector<Protocol>& protocols() {
  static const std::vector<Protocol> all{
      {"wanda@8e8fc87", "perplexity", "slow4", true, true, "", 0,
       "locuslab/wanda lib/data.py:26, lib/eval.py:83-129"},
      {"llm-pruner@128a07d", "perplexity", "slow4", true, true, "", 128,
       "horseee/LLM-Pruner evaluator/ppl.py, datasets/ppl_dataset.py:20-36"},
      {"lm-eval@0.4.9.1", "loglikelihood", "fast4", false, true, "bos_or_eos", 0,
       "lm_eval/api/model.py:368-405, models/huggingface.py (add_bos_token False)"},
      {"lm-eval@0.4.13", "loglikelihood", "fast4", true, true, "bos_or_eos", 0,
       "lm_eval/models/huggingface.py since 0.4.9.2: the tokenizer's own BOS default"},
  };
  return all;
}

const Protocol& protocol(const std::string& id) {
  std::vector<std::string> known;
  for (const auto& p : protocols()) {
    if (p.id == id) return p;
    known.push_back(p.id);
  }
  fail("protocol '{}' is not known{}", id, suggestion(id, known));
}

}  // namespace bench
