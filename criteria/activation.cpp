// Size of what a channel carries, as Torch-Pruning measures it (VainF/Torch-Pruning@e80127d
// torch_pruning/pruner/importance.py, ActivationImportance): a convolution that reads the channel
// counts the mean |x| over images and places, a linear layer the sum of |x| over its rows. Its code
// keeps the last batch alone; `last` says how many samples that is.
#include "measure/channel_activity.h"
#include "measure/grouped.h"

namespace bench {
namespace {

class Activation : public Criterion {
 public:
  static Schema schema() {
    return Grouping::schema() +
           Schema{key("last", 0, "only so many of the last samples count; 0: all of them")
                      .at_least(0)
                      .in("samples")};
  }
  explicit Activation(const Config& c) : how_(c), last_(c.get<int64_t>("last")) {}
  /// Not experts, which only some of the rows reach.
  Ranks accepts() const override {
    return {{.weights = false,
             .nm = false,
             .units = {"channel", "head", "head_dim", "neuron", "attention", "mlp", "block"}}};
  }
  Needs needs() const override { return {need<ChannelActivity>(last_)}; }
  Tensor units(const Group& group, const Stats& stats) const override {
    std::vector<Tensor> all;
    for (const auto& s : group.rooted()) {
      if (s.dim != Slice::In) continue;
      const auto& seen = stats.get<ChannelActivity>(*s.layer, need<ChannelActivity>(last_));
      const auto each = s.layer->columns_per_channel();
      auto columns = at::zeros({s.layer->columns() / each, each}, at::kDouble);
      columns.select(1, 0).copy_(seen.activity());
      all.push_back(how_.channels(group, s, columns.flatten()));
    }
    if (all.empty())
      fail("{}: no layer reads its units, so activation cannot rank them", group.name);
    return how_.reduce(group, all);
  }

 private:
  Grouping how_;
  int64_t last_;
};

BENCH_REGISTER(Criterion, Activation, "activation",
               .doc = "mean |x| of the channels that a unit's readers see (Torch-Pruning)",
               .source = "Fang et al. 2023, arXiv 2301.12900", .year = 2023,
               .data = About::Data::Unlabelled);

}  // namespace
}  // namespace bench
