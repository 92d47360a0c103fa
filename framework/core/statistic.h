#pragma once
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "core/model.h"
#include "core/pattern.h"

namespace bench {

/// Blocks [begin, end) of a model: one block when pruning sequentially, all of them otherwise.
struct Scope {
  int64_t begin, end;
  bool operator==(const Scope&) const = default;
};

/// Calibration data and where it stands in the chain.
struct Calibration {
  std::vector<Batch> batches;
  std::vector<Tensor> hidden;  // input of the current scope, one per batch; empty before start()
  std::string hash;            // of the ids or images: what may share statistics

  void start(const Model& model);
  void advance(const Model& model, Scope scope);
};

/// What a criterion or an update wants to know about one layer; one instance per layer. A pass
/// fires the events it can; the rest stay no-ops. Events arrive in the order of the data, one
/// sequence (or image batch) at a time, so that sums have the same bits however the data was
/// batched.
class Statistic {
 public:
  virtual ~Statistic() = default;
  /// x: [rows, in] float32, the layer's input of one sequence, or of `count` images.
  virtual void on_input(const Tensor& /*x*/, int64_t /*count*/) {}
  /// g: as matrix(), the gradient of one sequence's mean loss; share: its part of all predictions.
  virtual void on_gradient(const Tensor& /*g*/, double /*share*/) {}
  /// What it holds, by name, for whoever compares two runs (bench why).
  using Values = std::vector<std::pair<std::string, Tensor>>;
  virtual Values values() const { return {}; }
  /// What a trial's record keeps of it: numbers of the whole model, not of this layer.
  using Notes = std::map<std::string, std::vector<double>>;
  virtual Notes notes() const { return {}; }
  /// Gradients of the named followers of the groups, for those that want them: only the statistics
  /// of a group's root layer are told.
  virtual bool wants_followers() const { return false; }
  virtual void on_follower(const Follower& /*which*/, const Tensor& /*g*/, double /*share*/) {}
};

/// What a pass may look at.
struct Probe {
  Model& model;
  Scope scope;
  const Calibration& data;
  std::vector<Layer*> layers;  // those that are going to be pruned; no other layer has statistics
  std::vector<const Group*> groups = {};  // whose units compete; none where weights do
  const Pattern* pattern = nullptr;       // what is going to be removed, and how much of it: for
  double target = 0;                      // passes that search (Pass::aimed)
};

/// Who listens: layers with their statistics of one type, in the order of Probe::layers.
template <class T>
using Heard = std::span<const std::pair<Layer*, T*>>;

/// How to run the model so that statistics see something. Stateless: settings live in the
/// statistic, and a pass is only ever handed the statistics that asked for it. It leaves no trace
/// in the model (core/borrowed.h).
struct Pass {
  enum Reach {
    Local,  // runs inside a scope, from the hidden states that stand before it
    Global  // runs the whole model, before the walk
  } reach = Global;
  enum Threads { All, One } threads = All;  // One: the order of its sums would depend on them
  bool aimed = false;                       // what it finds depends on pattern and target
  /// Fires events to statistics of any kind at once; otherwise one run a kind, so that all that
  /// are handed to it have the same settings.
  bool events = false;
  std::function<void(const Probe&, Heard<Statistic>)> run;
};

/// A pass of statistics of one type: run(probe, heard) is called once for each of their settings.
template <class T>
Pass pass_of(Pass::Reach reach, void (*run)(const Probe&, Heard<T>),
             Pass::Threads threads = Pass::All, bool aimed = false) {
  return {reach, threads, aimed, /*events=*/false,
          [run](const Probe& probe, Heard<Statistic> heard) {
            std::vector<std::pair<Layer*, T*>> typed;
            for (const auto& [layer, s] : heard) typed.emplace_back(layer, static_cast<T*>(s));
            run(probe, typed);
          }};
}

/// A statistic is asked for by its type and settings: no registry. Equal keys are one statistic.
struct StatisticKind {
  std::string key;  // name and settings
  const Pass* pass;
  std::function<std::unique_ptr<Statistic>(const Layer&)> make;
};
using Needs = std::vector<StatisticKind>;

/// need<InputMoments>(), or with settings need<ZerothOrder>(n, eps): T(const Layer&, settings...).
template <class T, class... Settings>
StatisticKind need(Settings... settings) {
  std::string name = T::kName;
  ((name += fmt::format("|{}", settings)), ...);
  return {name, &T::pass(), [=](const Layer& l) { return std::make_unique<T>(l, settings...); }};
}

/// What was learned about layers, by layer and kind, with what was learned about the whole model
/// behind it. Passive: reading never runs the model.
class Stats {
 public:
  explicit Stats(std::shared_ptr<const Stats> behind = nullptr) : behind_(std::move(behind)) {}

  template <class T>
  const T& get(const Layer& layer, const StatisticKind& kind) const {
    if (const Statistic* s = find(layer.name, kind.key)) return static_cast<const T&>(*s);
    fail("{}: the statistic {} was not declared in needs()", layer.name, kind.key);
  }
  template <class T>
  const T& get(const Layer& layer) const {
    return get<T>(layer, need<T>());
  }
  /// Tests and verifiers feed a statistic by hand.
  template <class T>
  T& put(const Layer& layer, const StatisticKind& kind) {
    return static_cast<T&>(*add(kind, layer));
  }
  Statistic* add(const StatisticKind& kind, const Layer& layer);  // null: somebody asked before
  const Statistic* find(const std::string& layer, const std::string& key) const;
  /// "KEY VALUE" -> tensor of all that is known about a layer, what stands behind included.
  Statistic::Values values(const std::string& layer) const;
  /// The notes of all statistics of a layer, what stands behind included.
  Statistic::Notes notes(const std::string& layer) const;

 private:
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Statistic>> all_;
  std::shared_ptr<const Stats> behind_;
};

}  // namespace bench
