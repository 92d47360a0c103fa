#include "run_trial.h"

#include <chrono>
#include <fstream>

#include "core/device.h"
#include "core/zeroth_order.h"
#include "io/calibration.h"
#include "io/data.h"
#include "validity.h"

namespace bench {
namespace {

/// Seconds and peak memory of one phase, written when it ends.
class Phase {
 public:
  Phase(Outcome& out, std::string name, const at::Device& device)
      : out_(out), device_(device), start_(Clock::now()) {
    row_.phase = std::move(name);
    reset_peak_memory(device_);
  }
  ~Phase() {
    if (std::uncaught_exceptions() == 0) measure();
  }
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

 private:
  void measure() {
    synchronize(device_);
    row_.seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    row_.peak_rss = peak_resident_bytes();
    row_.method = "steady clock; getrusage ru_maxrss of the worker since its start";
    if (device_.is_cuda()) {
      const auto peak = peak_memory(device_);
      row_.peak_allocated = peak.allocated, row_.peak_reserved = peak.reserved;
      row_.method += "; peaks of LibTorch's caching allocator in this phase";
    }
    out_.phases.push_back(row_);
  }

  using Clock = std::chrono::steady_clock;
  Outcome& out_;
  at::Device device_;
  Clock::time_point start_;
  PhaseRow row_;
};

std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

void record_environment(Outcome& out, const std::string& device) {
  out.environment = {{"version", BENCH_VERSION},
                     {"device", device},
                     {"cpu", cpu_name()},
                     {"threads", std::to_string(at::get_num_threads())},
                     {"cpu_capability", at::get_cpu_capability()},
                     {"compiler", __VERSION__}};
}

void record_sparsity(Outcome& out, Model& model, const std::string& stage) {
  const auto s = measure_sparsity(model);
  std::map<int64_t, SparsityRow> blocks;
  for (const auto& t : s.tensors) {
    out.sparsity.push_back({stage, "tensor", t.name, t.total, t.masked, t.zeros});
    auto& b = blocks[t.block];
    b.total += t.total, b.masked += t.masked, b.zeros += t.zeros;
  }
  for (auto& [block, row] : blocks) {
    row.stage = stage, row.scope = "block", row.name = std::to_string(block);
    out.sparsity.push_back(row);
  }
  out.sparsity.push_back(
      {stage, "model", "prunable weights", s.linear_total(), s.linear_masked(), s.linear_zeros()});
  out.sparsity.push_back(
      {stage, "model", "parameters", s.parameters, s.linear_masked(), s.linear_zeros()});
}

void check_finite(Model& model) {
  for (const auto& t : model.tensors())
    if (t.parameter && t.tensor->defined() && t.tensor->is_floating_point() &&
        !at::isfinite(*t.tensor).all().item<bool>())
      fail("the weights of {} hold NaN or infinity: the checkpoint is broken or training diverged",
           t.name);
}

class Runner {
 public:
  Runner(const Value& config, Workbench& bench, const TrialProgress& progress)
      : config_(config),
        bench_(bench),
        progress_(progress),
        path_(model_path(config)),
        name_(config.find("model")->find("name")->string()),
        record_(recorded_model(name_)),
        device_(open_device(config.find("device")->string())),
        batch_tokens_(std::get<int64_t>(config.find("batch_tokens")->data)) {}

  Outcome run() {
    record_environment(out_, device_.str());
    {
      Phase phase(out_, "load", device_);
      say("load", 0, 1);
      loaded_ = bench_.model(path_, device_);
      check_finite(*loaded_->model);
      out_.hashes.emplace_back("weights", loaded_->weights);
    }
    if (!is_dense(config_)) prune_model();
    measure();
    return std::move(out_);
  }

 private:
  void say(const std::string& phase, int64_t done, int64_t of) const {
    if (progress_) progress_(phase, done, of);
  }

  std::shared_ptr<const Tokenizer> tokenizer(const std::string& variant) const {
    const auto given = config_.find("model")->find("tokenizer")->string();
    const auto& name = variant == "auto" || given != "auto" ? given : variant;
    return bench_.get_as<const Tokenizer>("tokenizer|" + path_.string() + "|" + name, [&] {
      return std::shared_ptr<const Tokenizer>(loaded_->checkpoint.tokenizer(name));
    });
  }

  std::shared_ptr<const Calibration> calibration() const {
    const Config data(*config_.find("data"), "data");
    const bool text = loaded_->model->max_length() > 0;
    return bench_.get_as<const Calibration>(
        "data|" + path_.string() + "|" + to_json(data.value()), [&] {
          std::shared_ptr<const Tokenizer> t;
          if (text) t = tokenizer("slow4");
          return std::make_shared<const Calibration>(
              make_calibration(data, t.get(), loaded_->model->max_length(), batch_tokens_));
        });
  }

  void prune_model() {
    Model& model = *loaded_->model;
    const auto method = method_from(config_);
    const auto target = std::get<double>(config_.find("sparsity")->data);
    Calibration data;
    if (!method.needs().empty()) {
      Phase phase(out_, "calibrate", device_);
      say("calibrate", 0, 1);
      data = *calibration();  // a copy of handles: the walk moves its hidden states
      out_.hashes.emplace_back("data", data.hash);
      keep_source(data);
      if (!device_.is_cpu()) to_device(data);
    }
    std::vector<Removed> removed;
    {
      Phase phase(out_, "prune", device_);
      WorkbenchShelf shelf(bench_, loaded_->weights + "|" + data.hash + "|" + device_.str() + "|");
      removed = prune(model, method, target, data, &shelf,
                      [&](int64_t done, int64_t of) { say("prune", done, of); });
    }
    const auto& pattern = method.pattern;
    certify_stage(model, pattern, method.update ? "update" : "prune");
    record_sparsity(out_, model, "prune");
    const auto contest =
        pattern.contest == Contest::Method ? method.criterion->contest() : pattern.contest;
    out_.verdicts.push_back(judge_sparsity(reached(model, pattern, contest, target, removed)));
    judge_with(judge_seeds(config_, !method.needs().empty()));
    if (std::get<bool>(config_.find("shrink")->data)) {
      for (const auto& r : removed) shrink(r.group, r.keep);
      certify_stage(model, pattern, "shrink");
      record_sparsity(out_, model, "shrink");
    }
    out_.hashes.emplace_back("pruned_weights", weight_hash(model));
  }

  void judge_with(std::vector<VerdictRow> rows) {
    for (auto& row : rows) out_.verdicts.push_back(std::move(row));
  }

  /// A broken mask fails the trial, in words that name layer and stage.
  void certify_stage(Model& model, const Pattern& pattern, const std::string& stage) {
    certificate_ =
        certify(model, pattern, stage, certificate_.stage.empty() ? nullptr : &certificate_);
    out_.verdicts.push_back({"mask_holds", true, certificate_.text()});
    if (pattern.kind == Pattern::NM)
      out_.verdicts.push_back({"nm_holds", true, stage + ": keeps at most " + pattern.label()});
    out_.hashes.emplace_back(stage == "shrink" ? "mask_shrink" : "mask", certificate_.mask_hash);
  }

  /// What the calibration says, as text: for trials that share it, decoded once.
  void keep_source(const Calibration& data) {
    source_.file = config_.find("data")->find("file")->string();
    source_.hash = data.hash;
    if (loaded_->model->max_length() > 0)
      source_.texts = [batches = data.batches, t = tokenizer("slow4")] {
        return texts_of(batches, *t);
      };
  }

  void to_device(Calibration& data) const {
    for (auto& b : data.batches)
      for (Tensor* t : {&b.ids, &b.positions, &b.images, &b.labels})
        if (t->defined()) *t = t->to(device_);
  }

  /// Data and tokenizers are named in the hashes, once each.
  void keep_hash(const std::string& name, const std::string& hash) {
    for (const auto& [known, value] : out_.hashes)
      if (known == name) return;
    out_.hashes.emplace_back(name, hash);
  }

  void judge(const Evidence& e) {
    keep_hash(shown(e.file), bytes_of(e.file));
    if (e.tokenizer) keep_hash("tokenizer " + e.variant, e.tokenizer->hash());
    judge_with(judge_evidence(e, name_, record_));
    if (!source_.file.empty()) out_.verdicts.push_back(judge_leak(e, source_, bench_));
  }

  void measure() {
    Phase phase(out_, "evaluate", device_);
    for (const auto& [label, task] : tasks_from(config_)) {
      TaskContext context{*loaded_->model,
                          [&](const std::string& variant) { return tokenizer(variant); },
                          [&](const std::string& key, const Workbench::Make& make) {
                            return bench_.get(path_.string() + "|" + key, make);
                          },
                          [&, l = label](int64_t done, int64_t of) { say(l, done, of); },
                          batch_tokens_,
                          device_,
                          [&](const Evidence& e) { judge(e); }};
      for (auto& m : task->run(context)) {
        if (!std::isfinite(m.value))
          fail("task {}: {} is no number: the pruned model is broken", label, m.name);
        out_.metrics.push_back({m.task, m.protocol, m.name, m.value, m.stderr_, m.n, m.unit,
                                m.higher_is_better, std::move(m.items), m.items_hash});
      }
    }
    if (is_dense(config_)) judge_with(judge_gates(out_.metrics, record_));
  }

  const Value& config_;
  Workbench& bench_;
  const TrialProgress& progress_;
  std::filesystem::path path_;
  std::string name_;
  RecordedModel record_;
  at::Device device_;
  int64_t batch_tokens_;
  Certificate certificate_;   // of the last stage
  CalibrationSource source_;  // empty where nothing was calibrated
  std::shared_ptr<Workbench::Loaded> loaded_;
  Outcome out_;
};

}  // namespace

Outcome run_trial(const Value& config, Workbench& bench, const TrialProgress& progress) {
  at::NoGradGuard no_grad;
  return Runner(config, bench, progress).run();
}

}  // namespace bench
