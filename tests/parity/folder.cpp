#include <algorithm>
#include <fstream>
#include <iostream>

#include "parity/verify.h"

namespace bench::verify {
namespace {

/// What a JSON-lines file records, by the keys of its first line.
bool has_keys(const fs::path& file, const std::vector<std::string>& keys) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line)) return false;
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return false;
  return std::all_of(keys.begin(), keys.end(), [&](const auto& k) { return json.contains(k); });
}

/// Who compares the recorded cases of a method, and under which name they are counted; a star
/// stands for any ending. Masks of single weights are compared alike whatever chose them.
struct Kind {
  std::string method;
  const char* name;
  VerifyCase verify;
  bool covers(const std::string& given) const {
    return method.ends_with('*') ? given.starts_with(method.substr(0, method.size() - 1))
                                 : given == method;
  }
};
std::vector<Kind>& kinds() {
  static std::vector<Kind> all{
      {"mini_llm", "mini_llm", verify_mini_llm},
      {"llm-pruner", "llm_pruner", verify_llm_pruner},
      {"flap", "flap", verify_flap},
      {"wanda_sp", "wanda_sp", verify_flap},
      {"magnitude_sp", "magnitude_sp", verify_flap},
      {"shortgpt_block_influence", "shortgpt", verify_shortgpt},
      {"sleb", "sleb", verify_sleb},
      {"slicegpt", "slicegpt", verify_slicegpt},
      {"ifso_score*", "ifso", verify_ifso},
      {"torch-pruning*", "torch-pruning", verify_torch_pruning},
      {"torch_pruning_grid", "torch-pruning grid", verify_torch_pruning_grid},
      {"kwon_fisher", "kwon", verify_kwon},
      {"isomorphic*", "isomorphic", verify_isomorphic},
      {"fpgm*", "fpgm", verify_fpgm},
      {"hrank*", "hrank", verify_hrank},
      {"layerwise_*", "layerwise", verify_layerwise},
      {"erk_rigl*", "erk densities", verify_erk},
      {"snip*", "before training", verify_before_training},
      {"grasp*", "before training", verify_before_training},
      {"synflow*", "before training", verify_before_training},
      {"mag", "before training", verify_before_training},
      {"obc", "obc", verify_obc},
      {"evopress", "evopress", verify_evopress},
      {"moe_*", "experts", verify_experts}};
  return all;
}

}  // namespace

ReplayedAs::ReplayedAs(std::initializer_list<const char*> methods, const char* kind,
                       VerifyCase verify) {
  for (const char* m : methods) kinds().push_back({m, kind, verify});
}

namespace {

void verify_case(Run& run, const fs::path& file) {
  const auto record = read_json(file);
  const auto method = record.value("method", std::string());
  if (method.empty() && record.contains("function") && record.contains("calibration"))
    return run.guarded("gradients", file, [&] { verify_gradients(run, file, record); });
  for (const auto& kind : kinds())
    if (kind.covers(method))
      return run.guarded(kind.name, file, [&] { kind.verify(run, file, record); });
  run.guarded("masks", file, [&] { verify_masks(run, file, record); });
}

void verify_file(Run& run, const fs::path& file) {
  const auto name = file.filename().string();
  if (name == "case.json") return verify_case(run, file);
  if (file.extension() == ".safetensors" && file.parent_path().filename() == "logits")
    return run.guarded("logits", file, [&] { verify_logits(run, file); });
  if (file.extension() == ".jsonl" && has_keys(file, {"text", "ids", "ids_special"}))
    return run.guarded("tokenizers", file, [&] { verify_tokenizer(run, file); });
  if (file.extension() == ".jsonl" && has_keys(file, {"prompt_ids", "output_ids"}))
    return run.guarded("generation", file, [&] { verify_generation(run, file); });
  if (file.extension() == ".json" && file.parent_path().filename() == "perplexity")
    return run.guarded("perplexity", file, [&] { verify_perplexity(run, file); });
  if (name.ends_with(".jsonl.gz"))
    run.guarded("lm_eval accuracies", file, [&] { verify_lm_eval(run, file); });
}

}  // namespace

int verify_folder(const fs::path& at, const std::vector<fs::path>& model_folders, bool full) {
  if (!fs::exists(at)) bench::fail("verify: {} does not exist", at.string());
  const bool one = fs::is_regular_file(at);
  Run run(one ? fs::absolute(at).parent_path() : at, model_folders, full);
  std::vector<fs::path> files;
  if (one)
    files = {fs::absolute(at)};
  else
    for (const auto& entry : fs::recursive_directory_iterator(at))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) verify_file(run, file);
  for (const auto& line : run.notes()) std::cout << line << "\n";
  int ran = 0, failed = 0;
  for (const auto& [kind, t] : run.tallies()) {
    for (const auto& line : t.lines) std::cout << line << "\n";
    ran += t.passed + t.failed;
    failed += t.failed;
  }
  std::cout << fmt::format("{:<42}{:>8}{:>8}{:>9}  {}\n", "kind", "passed", "failed", "skipped",
                           "worst deviation / tolerance");
  for (const auto& [kind, t] : run.tallies())
    std::cout << fmt::format("{:<42}{:>8}{:>8}{:>9}  {}\n", kind, t.passed, t.failed, t.skipped,
                             t.worst > 0 ? fmt::format("{:.3f}", t.worst) : "");
  if (ran == 0) std::cout << "nothing ran\n";
  return failed > 0 || ran == 0 ? 1 : 0;
}

}  // namespace bench::verify
