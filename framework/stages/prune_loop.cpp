// Channels go one by one while SGD goes on: the loop of IFSO (ifso.md 2; hrcheng1066/IFSO@945a019)
// and of Group Fisher (jshilong/FisherPruning@456106c), for any criterion that ranks units. Each
// step scores fresh batches before it trains; scores add up over `interval` steps, then the lowest
// unit of all groups goes.
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "core/borrowed.h"
#include "measure/cost.h"
#include "measure/passes.h"
#include "stages/training.h"

namespace bench {
namespace {

struct LoopSettings {
  explicit LoopSettings(const Config& c)
      : interval(c.get<int64_t>("interval")),
        units(c.get<int64_t>("units")),
        batches(c.get<int64_t>("score_batches")),
        moves_norms(c.get<bool>("moves_norms")),
        soft(c.get<bool>("soft_masks")),
        limit(c.get<double>("limit")),
        marks(c.get<std::vector<double>>("marks")),
        checkpoints(c.get<std::string>("checkpoints")) {}
  int64_t interval, units, batches;
  bool moves_norms, soft;
  double limit;
  std::vector<double> marks;
  std::string checkpoints;
};

class Loop : public TrainingHook {
 public:
  Loop(StageContext& c, const LoopSettings& how, const TrainingData& data)
      : c_(c), how_(how), groups_(prunable_groups(c.model, c.method.pattern)) {
    positions_ = output_positions(c.model, data.all());
    for (const auto& g : groups_) {
      sums_.push_back(at::zeros({g.units}, at::kDouble));
      keep_.push_back(~g.gone());
    }
    full_ = amount(cost_of(c.model, positions_));
    soften();
  }
  ~Loop() override {
    for (Layer* l : c_.model.layers()) l->gate = Tensor();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void before_step(Trainer& t, int64_t step) override {
    at::NoGradGuard no_grad;
    Calibration data;
    for (int64_t i = 0; i < how_.batches; ++i) {
      data.batches.push_back(t.data().batch(step * how_.batches + i, "score"));
      if (how_.moves_norms) data.batches.back().norm_momentum = 0.1;
    }
    const auto stats = measure(data);
    for (size_t g = 0; g < groups_.size(); ++g)
      sums_[g] += c_.method.criterion->units(groups_[g], *stats).to(at::kDouble).cpu();
    soften();
  }

  bool after_step(Trainer& t, int64_t step) override {
    if ((step + 1) % how_.interval != 0) return false;
    at::NoGradGuard no_grad;
    for (int64_t i = 0; i < how_.units; ++i) remove_lowest();
    for (auto& s : sums_) s.zero_();
    t.masks_changed();
    t.obey_masks();
    soften();
    const double left = amount(cost()) / full_;
    mark(left);
    return left <= 1 - c_.target;
  }

  void save(TensorMap& all) const override {
    for (size_t g = 0; g < groups_.size(); ++g) {
      all[fmt::format("sum|{}", g)] = sums_[g];
      all[fmt::format("keep|{}", g)] = keep_[g].to(at::kByte);
    }
    for (const auto& [name, cost] : marked_)
      all["mark|" + name] = at::tensor({cost.macs, cost.acts, cost.params}, at::kLong);
  }
  void load(const TensorMap& all) override {
    for (size_t g = 0; g < groups_.size(); ++g) {
      sums_[g] = all.at(fmt::format("sum|{}", g));
      keep_[g] = all.at(fmt::format("keep|{}", g)).to(at::kBool);
    }
    for (const auto& [name, t] : all)
      if (name.starts_with("mark|"))
        marked_[name.substr(5)] = {t[0].item<int64_t>(), t[2].item<int64_t>(),
                                   t[1].item<int64_t>()};
    soften();
  }

  /// The masks that were soft so far become the layers' own.
  void harden() {
    if (!how_.soft) return;
    for (Layer* l : c_.model.layers()) l->gate = Tensor();
    for (size_t g = 0; g < groups_.size(); ++g)
      if (!keep_[g].all().item<bool>()) set_masks(groups_[g], keep_[g]);
  }
  /// What stood when each mark was passed.
  void record_marks() const {
    for (const auto& [name, now] : marked_) {
      c_.record(name + ".macs", static_cast<double>(now.macs), "macs");
      c_.record(name + ".acts", static_cast<double>(now.acts), "elements");
      c_.record(name + ".params", static_cast<double>(now.params), "weights");
    }
  }
  double left() { return amount(cost()) / full_; }
  int64_t gone() const {
    int64_t n = 0;
    for (const auto& k : keep_) n += (~k).sum().item<int64_t>();
    return n;
  }

 private:
  std::shared_ptr<const Stats> measure(Calibration& data) {
    const auto needs = c_.method.criterion->needs();
    if (needs.empty()) return std::make_shared<Stats>();
    const Probe probe{c_.model, {0, c_.model.block_count()}, data, c_.model.layers()};
    const auto global = collect(probe, needs, Pass::Global);
    data.start(c_.model);
    return collect({c_.model, {0, c_.model.block_count()}, data, c_.model.layers()}, needs,
                   Pass::Local, global);
  }

  double amount(const Cost& c) const { return cost_in(c, c_.method.pattern.budget); }

  /// What is left, also where masks are soft.
  Cost cost() {
    if (!how_.soft) return cost_of(c_.model, positions_);
    const auto layers = c_.model.layers();
    std::vector<Tensor> masks;
    for (const Layer* l : layers) masks.push_back(l->mask);
    for (size_t g = 0; g < groups_.size(); ++g) {
      const auto now = groups_[g].layer_masks(keep_[g]);
      for (size_t i = 0; i < now.size(); ++i) {
        Layer& l = *groups_[g].slices[i].layer;
        l.mask = l.mask.defined() ? l.mask & now[i] : now[i];
      }
    }
    const auto all = cost_of(c_.model, positions_);
    for (size_t i = 0; i < layers.size(); ++i) layers[i]->mask = masks[i];
    return all;
  }

  /// The first of the lowest of all groups that keep another unit (singles first, as groups stand).
  void remove_lowest() {
    double best = how_.limit > 0 ? how_.limit : std::numeric_limits<double>::infinity();
    int64_t group = -1, unit = -1;
    for (size_t g = 0; g < groups_.size(); ++g) {
      if (keep_[g].sum().item<int64_t>() < 2) continue;
      const auto s = sums_[g].masked_fill(~keep_[g], std::numeric_limits<double>::infinity());
      if (!(sums_[g].sum().item<double>() > 0) && how_.limit > 0) continue;
      const auto at = s.argmin().item<int64_t>();
      if (const double v = s[at].item<double>(); v < best)
        best = v, group = static_cast<int64_t>(g), unit = at;
    }
    if (group < 0) return;
    auto& keep = keep_[static_cast<size_t>(group)];
    keep = keep.clone();
    keep[unit] = false;
    if (!how_.soft) set_masks(groups_[static_cast<size_t>(group)], keep);
  }

  static void set_masks(const Group& g, const Tensor& keep) {
    const auto masks = g.layer_masks(keep);
    for (size_t i = 0; i < masks.size(); ++i) g.slices[i].layer->set_mask(masks[i]);
    mask_followers(g, keep);
  }

  /// Soft masks multiply what layers read; the weights behind them live on.
  void soften() {
    if (!how_.soft) return;
    for (Layer* l : c_.model.layers()) l->gate = at::ones({l->weight.size(1)}, l->weight.options());
    for (size_t g = 0; g < groups_.size(); ++g)
      for (const auto& s : groups_[g].slices)
        if (s.dim == Slice::In)
          s.layer->gate *= keep_[g]
                               .repeat_interleave(s.layer->gate.size(0) / groups_[g].units)
                               .to(s.layer->gate.options());
  }

  /// Each mark is passed once.
  void mark(double left) {
    for (const auto m : how_.marks) {
      const auto name = fmt::format("{}_{:.0f}", c_.method.pattern.budget, m * 100);
      if (left >= m || !marked_.emplace(name, cost()).second) continue;
      if (!how_.checkpoints.empty() && c_.write_model) write_checkpoint(name);
    }
  }

  /// The model as it stands, without what is gone, as a folder; the training goes on with the
  /// whole.
  void write_checkpoint(const std::string& name) {
    namespace fs = std::filesystem;
    const auto folder = fs::path(how_.checkpoints) / name;
    auto partial = folder;
    partial += ".partial";
    const Restored whole(c_.model);
    Borrowed borrowed;
    for (Layer* l : c_.model.layers()) borrowed.gate(*l, {});
    for (size_t g = 0; g < groups_.size(); ++g) {
      set_masks(groups_[g], keep_[g]);
      shrink(groups_[g], keep_[g]);
    }
    fs::remove_all(partial);
    c_.write_model(partial.string());
    fs::remove_all(folder);  // of a run that was killed behind this mark
    fs::rename(partial, folder);
  }

  StageContext& c_;
  const LoopSettings& how_;
  std::vector<Group> groups_;
  std::map<const Layer*, int64_t> positions_;
  std::vector<Tensor> sums_, keep_;
  std::map<std::string, Cost> marked_;
  double full_ = 1;
};

class PruneLoop : public Stage {
 public:
  static Schema schema() {
    return TrainingSettings::schema() +
           Schema{key("interval", 10, "steps whose scores add up to one decision").at_least(1),
                  key("units", 1, "how many units go at a decision").at_least(1),
                  key("score_batches", 2, "fresh batches that a step's score is taken from")
                      .at_least(1),
                  key("marks", std::vector<double>{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1},
                      "shares of the pattern's budget that are recorded when they are passed"),
                  key("checkpoints", "",
                      "folder for the shrunk model at every mark that is passed, each a folder of "
                      "ours such as macs_50; empty: none")
                      .without_identity(),
                  key("moves_norms", false,
                      "side effect of the released code: scoring moves running statistics"),
                  key("soft_masks", false,
                      "side effect of the released code: masks multiply what layers read, and the "
                      "weights behind them go on being trained"),
                  key("limit", 0.0,
                      "side effect of the released code: units with a higher score are never seen "
                      "(1e9); 0: none")
                      .at_least(0)};
  }
  explicit PruneLoop(const Config& c) : how_(c), loop_(c) {}
  Accepts accepts() const override {
    return {.weights = false, .nm = false, .units = {"channel"}, .input = Input::Images};
  }
  void check(const Method& m) const override {
    how_.source.check();
    if (m.pattern.budget == "weights")
      fail(
          "stage prune_loop stops at a share of the model's cost; it needs pattern.budget=macs, "
          "acts or params");
  }
  std::vector<std::string> files() const override { return {how_.source.file}; }
  void apply(StageContext& c) const override {
    Trainer trainer(c, how_);
    Loop loop(c, loop_, trainer.data());
    const auto steps = trainer.run(&loop);
    loop.harden();
    trainer.masks_changed();
    trainer.obey_masks();
    if (!c.record) return;
    loop.record_marks();
    c.record("steps", static_cast<double>(steps), "steps");
    c.record("units_gone", static_cast<double>(loop.gone()), "units");
    c.record("left", loop.left(), "share");
  }

 private:
  TrainingSettings how_;
  LoopSettings loop_;
};

BENCH_REGISTER(Stage, PruneLoop, "prune_loop", .doc = "units go one by one while training goes on",
               .source = "Cheng et al. 2023, arXiv 2308.06755", .year = 2023,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
