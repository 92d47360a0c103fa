#include "run_trial.h"

#include <set>

#include "base/digest.h"
#include "core/device.h"
#include "core/zeroth_order.h"
#include "io/calibration.h"
#include "io/data.h"
#include "phase.h"
#include "stages.h"
#include "trial_record.h"
#include "validity.h"

namespace bench {
namespace {

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
    watch_ = [&](const std::string& level, const std::string& name, const Tensor& values) {
      set_hash(out_, level + "/" + name, value_hash(values));
    };
    load();
    change_model();
    measure();
    return std::move(out_);
  }

  PrunedModel pruned() {
    watch_ = [](const std::string&, const std::string&, const Tensor&) {};
    load();
    change_model();
    return {loaded_, Pattern::from(Config(*config_.find("pattern"), "pattern")), certificate_,
            std::move(out_.hashes)};
  }

  std::vector<std::pair<std::string, std::string>> watch(const Watch& watch) {
    watch_ = watch;
    load();
    for (const auto& t : loaded_->model->tensors())
      if (t.parameter && t.tensor->defined()) watch("model", t.name, *t.tensor);
    for (const auto& [label, task] : tasks_from(config_)) {
      say("tokens", 0, 1);
      task->requests(context(label), 0, [&, l = label](const SentRequest& r) {
        const auto part = r.part.empty() ? "" : ", " + r.part;
        if (r.left_out.empty())
          watch("tokens", fmt::format("{} {} item {}{}", l, r.protocol, r.item, part),
                at::tensor(r.ids, at::kLong));
      });
    }
    change_model(true);
    show_logits();
    return std::move(out_.hashes);
  }

 private:
  void say(const std::string& phase, int64_t done, int64_t of) const {
    if (progress_) progress_(phase, done, of);
  }

  void load() {
    Phase phase(out_, "load", device_);
    say("load", 0, 1);
    loaded_ = bench_.model(path_, device_);
    check_finite(*loaded_->model);
    out_.hashes.emplace_back("weights", loaded_->weights);
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

  void show_calibration(const Calibration& data) const {
    int64_t sample = 0;
    for (const auto& b : split(data.batches)) {
      const auto& values = b.is_text() ? b.ids : b.images;
      watch_("calibration", fmt::format("{} {}", b.is_text() ? "sample" : "batch", sample++),
             values);
    }
  }

  /// Notes of the whole model, once each, as JSON.
  void keep_notes(const Statistic::Notes& notes) {
    for (const auto& [name, values] : notes) {
      const auto known = [&, &n = name](const auto& pair) { return pair.first == n; };
      if (std::any_of(out_.notes.begin(), out_.notes.end(), known)) continue;
      out_.notes.emplace_back(name, nlohmann::json(values).dump());
    }
  }

  /// Shows layer by layer what pruning finds and leaves.
  Onlooker onlooker() {
    return {[&](const Layer& l, const Stats& stats) {
              keep_notes(stats.notes(l.name));
              for (const auto& [name, value] : stats.values(l.name))
                watch_("statistics", l.name + " " + name, value);
            },
            [&](const Layer& l) {
              if (l.mask.defined()) watch_("mask", l.name, l.mask);
              watch_("weights", l.weight_name(), l.weight);
            }};
  }

  /// Repairs reach biases, masks of channels the norms behind them.
  void show_other_weights() const {
    std::set<const Tensor*> shown;
    for (const Layer* l : loaded_->model->layers())
      if (l->mask.defined()) shown.insert(&l->weight);
    for (const auto& t : loaded_->model->tensors())
      if (t.parameter && t.tensor->defined() && !shown.count(t.tensor))
        watch_("weights", t.name, *t.tensor);
  }

  /// The tasks of a model of text or images send something; `size` does not.
  void show_logits() {
    for (const auto& [label, task] : tasks_from(config_)) {
      const auto key = path_.string() + "|probe|" + to_json(*config_.find("task")->find(label));
      Batch probe = *bench_.get_as<const Batch>(key, [&, &one = *task, &name = label] {
        return std::make_shared<const Batch>(one.probe(context(name)));
      });
      if (!probe.is_text() && !probe.images.defined()) continue;
      to_device(probe);
      watch_("logits", label, loaded_->model->forward(probe));
      return;
    }
  }

  void stages(const std::string& part, size_t round, const Method& method) {
    Phase phase(out_, part, device_);
    const auto target = std::get<double>(config_.find("sparsity")->data);
    run_stages(config_, part, round, {*loaded_->model, method, target, device_, kept_, {}, {}, "",
                [&] { return tokenizer("slow4"); }}, out_,
               [&](const std::string& label, int64_t done, int64_t of) { say(label, done, of); });
  }

  void change_model(bool with_calibration = false) {
    if (is_dense(config_) && !has_stages(config_)) return;
    const auto method = method_from(config_);
    kept_["loaded"] = std::make_shared<const Snapshot>(*loaded_->model);
    if (!stages_from(config_, "before").empty()) stages("before", 0, method);
    std::vector<Removed> removed;
    const auto targets = is_dense(config_) ? std::vector<double>{0} : targets_of(config_);
    const bool after = !stages_from(config_, "after").empty();
    for (size_t i = 0; i < targets.size(); ++i) {
      if (!is_dense(config_)) removed = prune_to(method, targets[i], with_calibration && i == 0);
      if (!after) continue;
      stages("after", i, method);
      if (!is_dense(config_)) certify_stage(*loaded_->model, method.pattern, "recovery");
    }
    if (!is_dense(config_)) finish_pruning(method, targets.back(), removed);
  }

  Calibration calibrated(bool show) {
    Phase phase(out_, "calibrate", device_);
    say("calibrate", 0, 1);
    Calibration data = *calibration();  // a copy of handles: the walk moves its hidden states
    keep_hash(out_, "data", data.hash);
    if (show) show_calibration(data);
    keep_source(data);
    if (!device_.is_cpu())
      for (auto& b : data.batches) to_device(b);
    return data;
  }

  std::vector<Removed> prune_to(const Method& method, double target, bool with_calibration) {
    auto& model = *loaded_->model;
    const bool measures = !method.needs().empty() || method.pattern.budget != "weights";
    Calibration data = measures ? calibrated(with_calibration) : Calibration();
    Phase phase(out_, "prune", device_);
    WorkbenchShelf shelf(bench_, loaded_->weights + "|" + data.hash + "|" + device_.str() + "|");
    // Statistics are shared by trials that find the model as it was loaded.
    auto removed = prune(
        model, method, removable_target(model, method.pattern, target), data, has_stages(config_) ? nullptr : &shelf,
        [&](int64_t done, int64_t of) { say("prune", done, of); }, onlooker());
    show_other_weights();
    certify_stage(model, method.pattern, method.update ? "update" : "prune");
    return removed;
  }

  void finish_pruning(const Method& method, double target, const std::vector<Removed>& removed) {
    Model& model = *loaded_->model;
    const auto& pattern = method.pattern;
    record_sparsity(out_, model, "prune");
    const auto contest =
        pattern.contest == Contest::Method ? method.criterion->contest() : pattern.contest;
    out_.verdicts.push_back(judge_sparsity(
        pattern.budget == "weights"
            ? reached(model, pattern, contest, removable_target(model, pattern, target), removed)
            : reached_budget(model, pattern, target, removed, calibration()->batches.front())));
    judge_with(judge_seeds(config_, !method.needs().empty()));
    if (std::get<bool>(config_.find("shrink")->data)) {
      for (const auto& r : removed) shrink(r.group, r.keep);
      certify_stage(model, pattern, "shrink");
      record_sparsity(out_, model, "shrink");
    }
    out_.hashes.emplace_back("pruned_weights", weight_hash(model));
  }

  void to_device(Batch& b) const {
    for (Tensor* t : {&b.ids, &b.positions, &b.images, &b.labels})
      if (t->defined()) *t = t->to(device_);
  }

  TaskContext context(const std::string& label) {
    return {*loaded_->model,
            [&](const std::string& variant) { return tokenizer(variant); },
            [&](const std::string& key, const Workbench::Make& make) {
              return bench_.get(path_.string() + "|" + key, make);
            },
            [&, label](int64_t done, int64_t of) { say(label, done, of); },
            batch_tokens_,
            device_,
            [&](const Evidence& e) { judge(e); },
            [&] {
              auto model = build_model(loaded_->checkpoint);
              model->to(device_);
              return model;
            }};
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
    set_hash(out_, stage == "shrink" ? "mask_shrink" : "mask", certificate_.mask_hash);
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

  void judge(const Evidence& e) {
    keep_hash(out_, shown(e.file), bytes_of(e.file));
    if (e.tokenizer) keep_hash(out_, "tokenizer " + e.variant, e.tokenizer->hash());
    judge_with(judge_evidence(e, name_, record_));
    if (!source_.file.empty()) out_.verdicts.push_back(judge_leak(e, source_, bench_));
  }

  void measure() {
    Phase phase(out_, "evaluate", device_);
    show_logits();
    for (const auto& [label, task] : tasks_from(config_)) {
      for (auto& m : task->run(context(label))) {
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
  Certificate certificate_;  // of the last stage
  std::map<std::string, std::shared_ptr<const Snapshot>> kept_;
  CalibrationSource source_;  // empty where nothing was calibrated
  std::shared_ptr<Workbench::Loaded> loaded_;
  Watch watch_;
  Outcome out_;
};

}  // namespace

PrunedModel pruned_model(const Value& config, Workbench& bench, const TrialProgress& progress) {
  at::NoGradGuard no_grad;
  return Runner(config, bench, progress).pruned();
}

std::vector<std::pair<std::string, std::string>> watch_trial(const Value& config, Workbench& bench,
                                                             const Watch& watch,
                                                             const TrialProgress& progress) {
  at::NoGradGuard no_grad;
  return Runner(config, bench, progress).watch(watch);
}

Outcome run_trial(const Value& config, Workbench& bench, const TrialProgress& progress) {
  at::NoGradGuard no_grad;
  return Runner(config, bench, progress).run();
}

}  // namespace bench
