#pragma once
#include "core/mixture.h"
#include "models/source.h"

namespace bench {

/// How a family's router turns its logits into experts and weights.
struct RouterForm {
  enum Scores { Softmax, Sigmoid, SoftmaxOfChosen };
  Scores scores = Softmax;
  int64_t chosen = 2;
  bool normalized = false;          // weights are divided by their sum
  double floor = 0;                 // added to that sum
  double scale = 1;                 // weights are multiplied by it
  int64_t groups = 1, kept = 1;     // of experts: only the `kept` best groups are chosen from
  bool groups_by_two_best = false;  // a group's score: the sum of its two best; else its best
  bool bias = false;                // of the router's matrix
  std::string correction = {};      // a tensor that is added to the scores for choosing alone
};

/// One expert, or the MLP that all rows share.
struct Expert {
  Layer gate, up, gate_up, down;  // gate and up, or both in one
  int64_t number = 0;             // in the file that it came from
  const Layer& in() const { return gate_up.name.empty() ? gate : gate_up; }
  bool there() const { return down.rows() > 0; }
  std::vector<Layer*> layers();
};

/// What a family says of its mixtures.
struct MixtureForm {
  RouterForm router;
  int64_t experts = 0;
  std::string experts_key, neurons_key;
  std::string router_name, experts_at;  // below the block: "mlp.gate", "mlp.experts."
  std::string gate = "gate_proj", up = "up_proj", down = "down_proj";
  /// Files that keep all experts in one tensor: its names below experts_at, entry E first.
  std::string stacked_in = {}, stacked_out = {};
  std::string bias_in = {}, bias_out = {};    // stacked alike; empty: none
  bool input_first = false;                   // the stacked matrices are [in, out]
  bool interleaved = false;                   // rows of the fused matrix take turns: gate, up
  double swiglu_alpha = 0, swiglu_limit = 0;  // gpt_oss's clamped form, where alpha is not 0
  Activation act = nullptr;
  std::string shared = {}, shared_gate = {};  // below the block; empty: none
  std::string shared_key = {};                // of config.json for the shared MLP's width
  int64_t shared_width = 0;                   // what config.json makes of other keys; 0: nothing
};

class Experts : public Mixture {
 public:
  Experts(Source& source, const std::string& at, int64_t hidden, const MixtureForm& form);

  int64_t experts() const override { return router_.size(0); }
  int64_t chosen() const override { return form_.router.chosen; }
  Tensor operator()(const Tensor& x) const override;

  std::vector<Layer*> layers();  // routed, then shared
  std::vector<Expert*> there();  // routed experts that are left, as the router counts them
  Expert* shared() { return shared_.down.name.empty() ? nullptr : &shared_; }
  bool any() const;
  void name_tensors(std::vector<Model::Named>& all);

  /// Units are experts.
  Group expert_group(int64_t block);
  /// Inner neurons of each expert and of the shared one.
  void neuron_groups(int64_t block, std::vector<Group>& all);
  /// What goes with all of it as a whole.
  std::vector<Slice> whole();
  std::vector<Follower> whole_followers();
  /// What reads the residual stream beside the layers.
  std::vector<Follower> stream_followers();

 private:
  void take_router(Source& source);
  void take_stacked(Source& source, int64_t count);
  void take_shared(Source& source, int64_t hidden);
  void check(Source& source, int64_t hidden) const;
  Routing route(const Tensor& x) const;
  Tensor choosable(const Tensor& scores) const;
  void leave_out(Routing& routing) const;
  Tensor activated(const Expert& e, const Tensor& x, const Tensor& which) const;
  Tensor run(const Expert& e, const Tensor& x, const Tensor& which) const;
  std::vector<Slice> neurons(Expert& e) const;
  void name_expert(std::vector<Model::Named>& all, Expert& e, int64_t number);

  std::string at_;
  MixtureForm form_;
  Tensor router_, router_bias_, correction_, shared_gate_;
  Tensor group_of_;  // int64 [E]: the router's group of each expert, where there are groups
  std::vector<Expert> experts_;
  Expert shared_;
};

}  // namespace bench
