#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "core/model.h"
#include "models/checkpoint.h"

namespace bench::verify {

namespace fs = std::filesystem;
using Json = nlohmann::json;

/// What became of the recorded cases of one kind.
struct Tally {
  int passed = 0, failed = 0, skipped = 0;
  double worst = 0;  // largest deviation as a share of its tolerance
  std::vector<std::string> lines;
};

/// One run of `bench verify`: where models and inputs are looked up, what has been counted.
class Run {
 public:
  Run(fs::path folder, std::vector<fs::path> model_folders, bool full);
  /// All of every case, whatever it takes; otherwise large models are checked on their first parts.
  bool full() const { return full_; }

  struct Loaded {
    Checkpoint checkpoint;
    std::unique_ptr<Model> model;
    std::unique_ptr<Snapshot> dense;
  };
  /// A model by name, restored to its dense state; throws Error where it is not found.
  Loaded& model(const std::string& name);
  /// A case's `inputs/...`: in the nearest parent folder of the case that holds it.
  fs::path input(const fs::path& case_file, const std::string& relative) const;
  /// Any relative path (vision/...) below or beside a model folder.
  fs::path data(const std::string& relative) const;
  const std::vector<fs::path>& model_folders() const { return folders_; }

  void pass(const std::string& kind, double share_of_tolerance = 0);
  void fail_case(const std::string& kind, const fs::path& file, const std::string& why);
  void skip(const std::string& kind, const fs::path& file, const std::string& why);
  /// A figure beside a result, printed as it is: neither passed, failed nor skipped.
  void note(const fs::path& file, const std::string& what);
  /// A case that counts on less than all of what is recorded, and what of it.
  void partial(const std::string& kind, const fs::path& file, const std::string& what);
  /// Runs one case; an Error becomes a failure, Missing a skip.
  template <class F>
  void guarded(const std::string& kind, const fs::path& file, F&& body);

  std::string relative(const fs::path& file) const;
  const std::vector<std::string>& notes() const { return notes_; }
  const std::map<std::string, Tally>& tallies() const { return tallies_; }

 private:
  fs::path folder_;
  bool full_;
  std::vector<fs::path> folders_;
  std::map<std::string, std::unique_ptr<Loaded>> models_;
  std::map<std::string, Tally> tallies_;
  std::vector<std::string> notes_;
};

/// What a case needs is not on this machine: a skip, not a failure.
struct Missing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class F>
void Run::guarded(const std::string& kind, const fs::path& file, F&& body) {
  try {
    body();
  } catch (const Missing& e) {
    skip(kind, file, e.what());
  } catch (const std::exception& e) {
    fail_case(kind, file, e.what());
  }
}

/// A replay registers itself: methods as records name them, a star for any ending, and the kind
/// under which their cases are counted.
using VerifyCase = void (*)(Run&, const fs::path&, const Json&);
struct ReplayedAs {
  ReplayedAs(std::initializer_list<const char*> methods, const char* kind, VerifyCase verify);
};

Json read_json(const fs::path& file);

void verify_logits(Run& run, const fs::path& file);
void verify_tokenizer(Run& run, const fs::path& file);
void verify_generation(Run& run, const fs::path& file);
void verify_perplexity(Run& run, const fs::path& file);
void verify_lm_eval(Run& run, const fs::path& file);
void verify_masks(Run& run, const fs::path& case_file, const Json& record);
void verify_mini_llm(Run& run, const fs::path& case_file, const Json& record);
void verify_ifso(Run& run, const fs::path& case_file, const Json& record);
void verify_llm_pruner(Run& run, const fs::path& case_file, const Json& record);
void verify_flap(Run& run, const fs::path& case_file, const Json& record);
void verify_shortgpt(Run& run, const fs::path& case_file, const Json& record);
void verify_sleb(Run& run, const fs::path& case_file, const Json& record);
void verify_slicegpt(Run& run, const fs::path& case_file, const Json& record);
void verify_torch_pruning(Run& run, const fs::path& case_file, const Json& record);
void verify_torch_pruning_grid(Run& run, const fs::path& case_file, const Json& record);
void verify_kwon(Run& run, const fs::path& case_file, const Json& record);
void verify_isomorphic(Run& run, const fs::path& case_file, const Json& record);
void verify_fpgm(Run& run, const fs::path& case_file, const Json& record);
void verify_hrank(Run& run, const fs::path& case_file, const Json& record);
void verify_layerwise(Run& run, const fs::path& case_file, const Json& record);
void verify_erk(Run& run, const fs::path& case_file, const Json& record);
void verify_before_training(Run& run, const fs::path& case_file, const Json& record);
void verify_obc(Run& run, const fs::path& case_file, const Json& record);
void verify_evopress(Run& run, const fs::path& case_file, const Json& record);
void verify_experts(Run& run, const fs::path& case_file, const Json& record);
void verify_gradients(Run& run, const fs::path& case_file, const Json& record);

/// Everything below `folder`, or one file; prints a line per failure and skip and a count per kind.
/// Returns the exit code: 0, or 1 on a failure or where nothing ran.
int verify_folder(const fs::path& folder, const std::vector<fs::path>& model_folders, bool full);

}  // namespace bench::verify
