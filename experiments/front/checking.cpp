// The verbs with which people check us, and the way of their words to the engine.
#include "front/verbs.h"

namespace bench::front {

namespace {

constexpr size_t kAny = 1'000'000;

const Flag kDb{"--db", "PATH", "the database of results (default: out/bench.db)"};
const Flag kOtherDb{"--db-b", "PATH", "the database that holds B (default: that of A)"};
const Flag kProtocol{"--protocol", "ID", "how text becomes tokens (default: lm-eval@0.4.13)"};
const Flag kTokenizer{"--tokenizer", "VARIANT",
                      "whose ids: spm, slow4, fast4, hf5, json (default: the protocol's)"};
const Flag kCompute{.name = "--dtype",
                    .value = "TYPE",
                    .doc = "compute type (default: float32; auto: the checkpoint's); one of",
                    .choices = {"auto", "float32", "bfloat16", "float16"}};

}  // namespace

std::vector<Flag> request_flags() {
  return {{"--model", "NAME", "request: the model (default: stories260k)"},
          {"--protocol", "ID", "request: the protocol (default: the task's)"},
          kTokenizer,
          {"--fewshot", "N", "request: examples before the document"},
          {"--documents", "PATH", "request: a data file in place of the task's"},
          {"--fewshot-documents", "PATH", "request: a data file of examples"},
          {"--window", "N", "request: tokens of a window"},
          {"--count", "N", "request: how many tokens to show (default: 12)"}};
}

std::vector<Verb> checking_verbs() {
  return {
      {"tokenize",
       "MODEL [VARIANT]",
       "token ids of JSON lines {\"text\": ...} from standard input",
       1,
       2,
       {},
       nullptr},
      {"score",
       "MODEL",
       "log-probabilities of JSON lines {\"context\": ..., \"continuation\": ...} from standard "
       "input",
       1,
       1,
       {kProtocol,
        kTokenizer,
        kCompute,
        {"--batch-tokens", "N", "tokens that run together (default: 4096)"}},
       ask},
      {"generate",
       "MODEL [PROMPT]...",
       "greedy continuations of prompts, or of the lines of standard input",
       1,
       kAny,
       {{"--max-new-tokens", "N", "at most so many tokens (default: 64)"},
        {"--until", "TEXT", "end before this text", true},
        {"--ignore-eos", "", "go on behind the end of a text"},
        kProtocol,
        kTokenizer,
        kCompute,
        {"--text", "", "prompt and continuation as they are, instead of JSON lines"}},
       ask},
      {"logits",
       "MODEL",
       "logits of token ids as a safetensors file",
       1,
       1,
       {{"--ids", "PATH",
         "JSON list of ids, list of lists, or lines of either (or of bench tokenize)"},
        {"--out", "PATH", "the file to write: input_ids and logits"},
        kCompute},
       ask},
      {"export",
       "TRIAL DIR",
       "a trial's model as a Hugging Face folder, read again and scored again",
       2,
       2,
       {kDb,
        {"--padded", "", "every block as wide as before, with zeros for what was removed"},
        {"--compact", "", "every block with its own widths; only this program reads it"}},
       ask},
      {"memory",
       "MODEL",
       "what pruning would take in memory: of a config.json, a folder, or llama-7b, opt-6.7b, "
       "bloom-7b1",
       1,
       1,
       {{"--samples", "N", "calibration samples (default: 10)"},
        {"--length", "N", "tokens of each (default: 64)"},
        {"--batch-tokens", "N", "tokens that run together (default: 4096)"},
        {.name = "--dtype",
         .value = "TYPE",
         .doc = "of the weights (default: float32, in which this program computes); one of",
         .choices = {"float32", "float16", "bfloat16"}},
        {"--card", "GIB", "memory of a device, for what fits"}},
       memory},
      {"diff",
       "A B",
       "in what two trials differ, by what the database holds",
       2,
       2,
       {kDb, kOtherDb, {"--json", "", "as JSON"}},
       diff},
      {"audit",
       "",
       "run finished trials drawn at random again: do bits, masks and numbers agree?",
       0,
       0,
       {kDb,
        {"--cells", "K", "how many (default: 10)"},
        {"--seed", "S", "which ones are drawn (default: 0)"}},
       ask},
      {"why",
       "A B",
       "where two trials first part: config, model, tokens, calibration, statistics, mask, "
       "weights, "
       "logits, scores",
       2,
       2,
       {kDb,
        kOtherDb,
        {"--no-run", "", "only what the database holds; compute nothing again"},
        {"--run", "", "compute both again even where the database shows no difference"}},
       ask}};
}

int ask(const Options& options) {
  std::vector<std::string> words{options.verb};
  for (const auto& [flag, values] : options.flags)
    for (const auto& value : values) words.push_back(value.empty() ? flag : flag + "=" + value);
  words.emplace_back("--");
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  return hand_over(words);
}

}  // namespace bench::front
