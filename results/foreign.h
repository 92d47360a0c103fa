#pragma once
#include <string>

#include "results/store.h"

namespace bench {

/// What a results file of lm-eval says, as a row that did not come from here.
struct Foreign {
  TrialSpec spec;  // its kind is "foreign" (results/setting.h); the id digests the file's bytes
  Outcome outcome;
};

/// How the row is called; what is empty is the file's own.
struct ForeignNames {
  std::string model;    // empty: model_name as the file has it
  std::string method;   // empty: "foreign", or what an export of this program says
  std::string pattern;  // empty: "foreign", or the same
  double sparsity = kNone;
};

/// Reads results_DATE.json as lm-eval from 0.4 on writes it, and samples_TASK_DATE.jsonl where they
/// lie beside it (their scores, and a digest of documents, prompts and targets as the item list).
/// Each number's protocol is "lm-eval@VERSION foreign": nothing of it is ever compared with numbers
/// of this program, and no verdict is held about it. A subset or a number of examples stands in the
/// task's name ("arc_easy-first100", "gsm8k-5shot"). Written by `bench export-results` it keeps
/// names, weights and protocols, the latter with " foreign" behind.
/// What is no such file is an Error with the file, the place and the remedy.
Foreign read_lm_eval(const std::string& path, const ForeignNames& names);

/// False where the same file is there already: nothing is changed. An Error where it is there under
/// other names, or another process is at it.
bool add_foreign(Store& store, const Foreign& foreign);

}  // namespace bench
