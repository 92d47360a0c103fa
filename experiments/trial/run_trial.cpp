#include "trial/run_trial.h"

#include <set>

#include "base/reason.h"
#include "tensor/device.h"
#include "data/calibration.h"
#include "data/data.h"
#include "models/hub_folder.h"
#include "trial/judge.h"
#include "trial/mask_sample.h"
#include "core/residency.h"
#include "trial/phase.h"
#include "trial/residency.h"
#include "trial/stages.h"
#include "trial/trial_record.h"

namespace bench {
namespace {

class Runner {
 public:
  Runner(const Value& config, Workbench& bench, const TrialProgress& progress)
      : config_(config),
        bench_(bench),
        progress_(progress),
        path_(model_path(config)),
        compute_(compute_type_at(path_, config.find("model")->find("dtype")->string())),
        by_block_(lives_by_block(path_, compute_, config.find("residency")->string())),
        device_(open_device(config.find("device")->string())),
        batch_tokens_(std::get<int64_t>(config.find("batch_tokens")->data)),
        judge_(out_, bench, config.find("model")->find("name")->string()) {}

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
    return {loaded_, Pattern::from(Config(*config_.find("pattern"), "pattern")),
            judge_.certificate(), std::move(out_.hashes)};
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
    loaded_ = bench_.model(path_, device_, compute_, by_block_);
    check_finite(*loaded_->model);
    for (const auto& t : loaded_->model->tensors()) rest(*t.tensor);  // read to be hashed
    out_.hashes.emplace_back("weights", loaded_->weights);
  }

  /// Of what trials of this model share.
  std::string shared_key() const { return path_.string() + "|" + name_of(compute_) + "|"; }

  std::shared_ptr<const Tokenizer> tokenizer(const std::string& variant) const {
    const auto given = config_.find("model")->find("tokenizer")->string();
    const auto& name = variant == "auto" || given != "auto" ? given : variant;
    return bench_.get_as<const Tokenizer>("tokenizer|" + path_.string() + "|" + name, [&] {
      return std::shared_ptr<const Tokenizer>(loaded_->checkpoint.tokenizer(name));
    });
  }

  std::shared_ptr<const Calibration> calibration() const {
    const Config data(*config_.find("data"), "data");
    const auto length = loaded_->model->max_length();
    return bench_.get_as<const Calibration>(
        "data|" + path_.string() + "|" + to_json(data.value()), [&] {
          const auto t = length > 0 ? tokenizer("slow4") : nullptr;
          return std::make_shared<const Calibration>(
              make_calibration(data, t.get(), length, batch_tokens_));
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

  /// Shows layer by layer what pruning finds and leaves.
  Onlooker onlooker() {
    return {[&](const Layer& l, const Stats& stats) {
              keep_notes(out_, stats.notes(l.name));
              for (const auto& [name, value] : stats.values(l.name))
                watch_("statistics", l.name + " " + name, value);
            },
            [&](const Layer& l) {
              if (l.mask.defined()) watch_("mask", l.name, l.mask);
              watch_("weights", l.weight_name(), l.weight);
              rest(l);
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
      const auto key = shared_key() + "probe|" + to_json(*config_.find("task")->find(label));
      const Batch probe = *bench_.get_as<const Batch>(key, [&, &one = *task, &name = label] {
        return std::make_shared<const Batch>(one.probe(context(name)));
      });
      if (!probe.is_text() && !probe.images.defined()) continue;
      watch_("logits", label, loaded_->model->forward(probe));
      return;
    }
  }

  void stages(const std::string& part, size_t round, const Method& method) {
    Phase phase(out_, part, device_);
    const auto target = std::get<double>(config_.find("sparsity")->data);
    StageContext context{*loaded_->model, method, target, device_, kept_, {}, {}, ""};
    context.tokenizer = [&] { return tokenizer("slow4"); };
    context.calibration = [&] { return calibrated(false); };
    context.write_model = [&](const std::string& folder) {
      write_hub_folder(*loaded_->model, loaded_->checkpoint, true, folder);
    };
    for (const auto& [label, stage] : stages_from(config_, part))
      for (const auto& file : stage->files()) judge_.source({file, "", {}, "trained"});
    run_stages(config_, part, round, std::move(context), out_,
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
      if (!is_dense(config_)) judge_.stage(*loaded_->model, method.pattern, "recovery");
    }
    if (!is_dense(config_)) finish_pruning(method, targets.back(), removed);
  }

  Calibration calibrated(bool show) {
    Phase phase(out_, "calibrate", device_);
    say("calibrate", 0, 1);
    Calibration data = *calibration();  // a copy of handles: the walk moves its hidden states
    keep_hash(out_, "data", data.hash);
    if (show) show_calibration(data);
    judge_.source(source_of(data));
    for (auto& b : data.batches) b = b.to(device_);
    return data;
  }

  /// What the calibration says, as text: for trials that share it, decoded once.
  CalibrationSource source_of(const Calibration& data) const {
    CalibrationSource source{config_.find("data")->find("file")->string(), data.hash, {}};
    if (loaded_->model->input() != Input::Images)
      source.texts = [batches = data.batches, t = tokenizer("slow4")] {
        return texts_of(batches, *t);
      };
    return source;
  }

  std::vector<Removed> prune_to(const Method& method, double target, bool with_calibration) {
    auto& model = *loaded_->model;
    const bool measures = method.measures() || method.pattern.budget != "weights";
    Calibration data = measures ? calibrated(with_calibration) : Calibration();
    Phase phase(out_, "prune", device_);
    WorkbenchShelf shelf(bench_, *loaded_->dense,
                         loaded_->weights + "|" + data.hash + "|" + device_.str() + "|");
    auto removed = prune(
        model, method, removable_target(model, method.pattern, target), data, &shelf,
        [&](int64_t done, int64_t of) { say("prune", done, of); }, onlooker());
    show_other_weights();
    judge_.stage(model, method.pattern, method.updates.empty() ? "prune" : "update");
    return removed;
  }

  void finish_pruning(const Method& method, double target, const std::vector<Removed>& removed) {
    Model& model = *loaded_->model;
    const auto& pattern = method.pattern;
    record_sparsity(out_, model, "prune");
    record_mask_sample(out_, model);
    const auto contest = method.contest();
    judge_.add({judge_sparsity(
        pattern.budget == "weights"
            ? reached(model, pattern, contest, removable_target(model, pattern, target), removed)
            : reached_budget(model, pattern, target, removed, calibration()->batches.front()))});
    judge_.add(judge_seeds(config_, method.measures() || stages_calibrate(config_)));
    if (std::get<bool>(config_.find("shrink")->data)) {
      for (const auto& r : removed) shrink(r.group, r.keep);
      settle(model);
      judge_.stage(model, pattern, "shrink");
      record_sparsity(out_, model, "shrink");
    }
    out_.hashes.emplace_back("pruned_weights", weight_hash(model));
  }

  TaskContext context(const std::string& label) {
    return {*loaded_->model,
            [&](const std::string& variant) { return tokenizer(variant); },
            [&](const std::string& key, const Workbench::Make& make) {
              return bench_.get(shared_key() + key, make);
            },
            [&, label](int64_t done, int64_t of) { say(label, done, of); },
            batch_tokens_,
            device_,
            [&](const Evidence& e) { judge_.evidence(e); },
            [&] {
              auto model = build_model(loaded_->checkpoint);
              model->to(device_);
              return model;
            },
            loaded_->checkpoint.ends()};
  }

  /// All numbers of a task or none.
  std::vector<Metric> measured(const std::string& label, const Task& task) {
    auto metrics = task.run(context(label));
    for (const auto& m : metrics)
      if (!std::isfinite(m.value))
        fail("task {}: {} is no number: the {} model is broken, or too large for the arithmetic",
             label, m.name, is_dense(config_) && !has_stages(config_) ? "dense" : "pruned");
    return metrics;
  }

  void measure() {
    Phase phase(out_, "evaluate", device_);
    show_logits();
    for (const auto& [label, task] : tasks_from(config_)) try {
        for (auto& m : measured(label, *task))
          out_.metrics.push_back({m.task, m.protocol, m.name, m.value, m.stderr_, m.n, m.unit,
                                  m.higher_is_better, std::move(m.items), m.items_hash,
                                  m.directed});
      } catch (const std::exception& e) {
        const auto reason = reason_of(e);
        if (reason.memory) throw;  // of the process, not of the task
        out_.failed_tasks.push_back({label, reason.text});
      }
    if (out_.metrics.empty() && !out_.failed_tasks.empty())
      fail("{}", out_.failed_tasks.front().why);
    if (is_dense(config_) && !has_stages(config_)) judge_.gates();
  }

  const Value& config_;
  Workbench& bench_;
  const TrialProgress& progress_;
  std::filesystem::path path_;
  at::ScalarType compute_;
  bool by_block_;
  at::Device device_;
  int64_t batch_tokens_;
  std::map<std::string, std::shared_ptr<const Snapshot>> kept_;
  std::shared_ptr<Workbench::Loaded> loaded_;
  Watch watch_;
  Outcome out_;
  Judge judge_;
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
