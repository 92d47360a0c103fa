// Training that makes whole units small before anything is pruned (VainF/Torch-Pruning@e80127d
// torch_pruning/pruner/algorithms): an extra gradient c_u w on every weight of a unit u, whose
// coefficient is what the methods differ in. The lasso of batch norms (batchnorm_scale_pruner.py,
// group_lasso=True), the group norms of DepGraph (Fang et al. 2023, arXiv 2301.12900;
// group_norm_pruner.py) and a penalty that grows with time on what is small (Wang et al. 2021,
// arXiv 2012.09243; growing_reg_pruner.py). Slimming's l1 on every norm is stage=train with
// l1_gamma.
#include <cmath>

#include "measure/grouped.h"
#include "stages/training.h"

namespace bench {
namespace {

/// A value per unit along a slice's dim of its layer's matrix; 0 beyond the slice.
Tensor along(const Slice& s, const Tensor& units) {
  const auto line = units.repeat_interleave(s.width).repeat(s.stretches);
  auto all = at::zeros({s.layer->flat().size(s.dim)}, units.options());
  all.narrow(0, s.begin, line.numel()).copy_(line);
  return all;
}

/// Adds c_u w to the gradients of a group's weights and of its norms' scales.
void pull(const Group& g, const Tensor& coefficient, bool layers,
          const TrainingHook::AddGradient& add) {
  const auto c = coefficient.to(at::kFloat);
  for (const auto& s : g.slices) {
    if (!layers) break;
    const auto& w = s.layer->weight;
    const auto line = along(s, c.to(w.device())).unsqueeze(1 - s.dim);
    add(w, (s.layer->flat() * line).reshape(w.sizes()));
  }
  for (const auto& f : g.followers)
    if (!f.name.empty() && !f.embedding && f.values->defined() && f.values->dim() == 1)
      add(*f.values, *f.values * c.to(f.values->device()).repeat_interleave(f.width));
}

/// Coefficients of the units of every group, made anew at every step.
class Penalty : public TrainingHook {
 public:
  explicit Penalty(StageContext& c) : groups_(prunable_groups(c.model, c.method.pattern)) {}
  void penalise(Trainer&, const AddGradient& add) override {
    for (size_t i = 0; i < groups_.size(); ++i)
      if (const auto c = coefficients(i); c.defined()) pull(groups_[i], c, of_layers(), add);
  }

 protected:
  virtual Tensor coefficients(size_t group) = 0;
  virtual bool of_layers() const { return true; }
  std::vector<Group> groups_;
};

Tensor squared_norms(const Grouping& how, const Group& g) {
  return how.reduce(g, norm_members(how, g, 2, false));
}

Accepts units_of_images() {
  return {.weights = false, .nm = false, .input = Input::Images};
}

/// What all of these stages share.
template <class Made>
class Regularised : public Stage {
 public:
  static Schema schema() { return TrainingSettings::schema() + Made::keys(); }
  explicit Regularised(const Config& c) : how_(c), made_(c) {}
  Accepts accepts() const override { return units_of_images(); }
  void check(const Method& m) const override {
    how_.source.check();
    if (m.pattern.kind != Pattern::Structured)
      fail("stage {}: makes whole units small; it needs pattern=channels or another of units",
           Made::kName);
  }
  std::vector<std::string> files() const override { return {how_.source.file}; }
  void apply(StageContext& c) const override {
    Trainer trainer(c, how_);
    const auto penalty = made_.begin(c);
    trainer.run(penalty.get());
    if (c.record) c.record("train_loss", trainer.last_loss(), "nats");
  }

 private:
  TrainingSettings how_;
  Made made_;
};

/// reg / ||g||: the gradient of a lasso over the scales of a unit's batch norms, which alone move.
struct GroupLasso {
  static constexpr const char* kName = "group_lasso";
  static Schema keys() {
    return {key("reg", 1e-5, "weight of the sum of all units' norms in the loss").at_least(0)};
  }
  explicit GroupLasso(const Config& c) : reg(c.get<double>("reg")) {}
  std::unique_ptr<Penalty> begin(StageContext& c) const {
    struct Now : Penalty {
      double reg;
      Now(StageContext& context, double r) : Penalty(context), reg(r) {
        for (const auto& g : groups_)
          if (scales(g).defined()) return;
        fail("stage group_lasso: no unit of this model has a batch norm, whose scales it moves");
      }
      static Tensor scales(const Group& g) {
        std::vector<Tensor> all;
        for (const auto& f : g.followers)
          if (!f.name.empty() && f.values->defined() && f.values->dim() == 1 && f.width == 1)
            all.push_back(f.values->to(at::kDouble).square());
        return all.empty() ? Tensor() : at::stack(all).mean(0);
      }
      Tensor coefficients(size_t i) override {
        const auto square = scales(groups_[i]);
        return square.defined() ? reg / (square + 1e-9).sqrt() : square;
      }
      bool of_layers() const override { return false; }
    };
    return std::make_unique<Now>(c, reg);
  }
  double reg;
};

/// reg base^((max - n) / (max - min)), n a unit's norm: the smallest unit is pulled `base` times as
/// hard as the largest.
struct GroupNormLearning {
  static constexpr const char* kName = "group_norm_learning";
  static Schema keys() {
    return Grouping::schema("max") +
           Schema{
               key("reg", 1e-4, "pull on the largest unit of a group").at_least(0),
               key("base", 16.0, "how many times as hard the smallest one is pulled").at_least(1)};
  }
  explicit GroupNormLearning(const Config& c)
      : how(c), reg(c.get<double>("reg")), base(c.get<double>("base")) {}
  std::unique_ptr<Penalty> begin(StageContext& c) const {
    struct Now : Penalty {
      const GroupNormLearning& of;
      Now(StageContext& context, const GroupNormLearning& o) : Penalty(context), of(o) {}
      Tensor coefficients(size_t i) override {
        const auto n = squared_norms(of.how, groups_[i]).sqrt();
        const auto far = n.max() - n, whole = n.max() - n.min();
        if (!(whole.item<double>() > 0)) return at::full_like(n, of.reg);  // 0 / 0 in theirs
        return of.reg * at::pow(of.base, far / whole);
      }
    };
    return std::make_unique<Now>(c, *this);
  }
  Grouping how;
  double reg, base;
};

/// A pull of its own for every unit: `reg` at first, and behind every epoch up to `delta` more, the
/// more the smaller the unit is within its group.
struct GrowingReg {
  static constexpr const char* kName = "growing_reg";
  static Schema keys() {
    return Grouping::schema() +
           Schema{key("reg", 1e-5, "pull at first").at_least(0),
                  key("delta", 1e-5, "what the smallest unit's pull grows by in an epoch")
                      .at_least(0)};
  }
  explicit GrowingReg(const Config& c)
      : how(c), reg(c.get<double>("reg")), delta(c.get<double>("delta")) {}
  std::unique_ptr<Penalty> begin(StageContext& c) const {
    struct Now : Penalty {
      const GrowingReg& of;
      std::vector<Tensor> pulls;
      Now(StageContext& context, const GrowingReg& o) : Penalty(context), of(o) {
        for (const auto& g : groups_) pulls.push_back(at::full({g.units}, of.reg, at::kDouble));
      }
      Tensor coefficients(size_t i) override { return pulls[i]; }
      bool after_step(Trainer& t, int64_t step) override {
        if ((step + 1) % t.data().steps_per_epoch() != 0) return false;
        for (size_t i = 0; i < groups_.size(); ++i) {
          const auto n = squared_norms(of.how, groups_[i]).cpu();
          pulls[i] = pulls[i] + of.delta * (n.max() - n) / (n.max() - n.min() + 1e-8);
        }
        return false;
      }
      void save(TensorMap& all) const override {
        for (size_t i = 0; i < pulls.size(); ++i) all[fmt::format("pull|{}", i)] = pulls[i];
      }
      void load(const TensorMap& all) override {
        for (size_t i = 0; i < pulls.size(); ++i) pulls[i] = all.at(fmt::format("pull|{}", i));
      }
    };
    return std::make_unique<Now>(c, *this);
  }
  Grouping how;
  double reg, delta;
};

using LassoStage = Regularised<GroupLasso>;
using NormStage = Regularised<GroupNormLearning>;
using GrowingStage = Regularised<GrowingReg>;

BENCH_REGISTER(Stage, LassoStage, GroupLasso::kName,
               .doc = "training under a group lasso on the scales of batch norms",
               .source = "Fang et al. 2023, arXiv 2301.12900", .year = 2023,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);
BENCH_REGISTER(Stage, NormStage, GroupNormLearning::kName,
               .doc = "training under a pull on whole units, the harder the smaller they are",
               .source = "Fang et al. 2023, arXiv 2301.12900", .year = 2023,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);
BENCH_REGISTER(Stage, GrowingStage, GrowingReg::kName,
               .doc = "training under a penalty on small units that grows from epoch to epoch",
               .source = "Wang et al. 2021, arXiv 2012.09243", .year = 2021,
               .when = About::When::During, .data = About::Data::Labelled,
               .how = About::How::Learned);

}  // namespace
}  // namespace bench
