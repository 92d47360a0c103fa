#pragma once
#include "core/criterion.h"
#include "core/mixture.h"

namespace bench {

/// What the tokens that were routed to each expert of a block did there, one dense pass, a sequence
/// at a time. Held by the root layer of the block's group of experts; other layers' stay empty.
///
/// p is the softmax over all experts, whatever the model makes of it; renormalized: divided by the
/// sum of the chosen experts' (CerebrasResearch/reap@1970473 src/reap/pruning_metrics.py:172-214).
struct RoutedTokens : Statistic {
  static constexpr const char* kName = "routed_tokens";
  static const Pass& pass();
  RoutedTokens(const Layer&, int renormalized_) : renormalized(renormalized_ != 0) {}
  Values values() const override;

  bool renormalized;
  // float64 [E], sums over each expert's tokens:
  Tensor count, probability;  // of them, of p
  Tensor norm, weighted;      // of |f(x)|, of p |f(x)|
  Tensor output;              // of f(x): [E, hidden]
  Tensor largest;             // the largest entry of any f(x), at least 0
  /// bool [E]: `largest` is above the 99.5 % quantile of the whole model and a tenth of its largest
  /// one, in the first three quarters of the blocks (reap src/reap/model_util.py:240-265).
  Tensor super;

  /// A sum by the number of tokens; an expert without tokens has 0.
  Tensor mean(const Tensor& sum) const { return sum / count.clamp_min(1); }
};

/// Criteria of experts from RoutedTokens.
class RoutedCriterion : public Criterion {
 public:
  static Schema schema() {
    return {key("renormalize", false, "divide p by the sum over the chosen experts"),
            key("spare_super", false, "experts with outlying outputs stay")};
  }
  explicit RoutedCriterion(const Config& c)
      : renormalize_(c.get<bool>("renormalize")), spare_(c.get<bool>("spare_super")) {}
  Ranks accepts() const override { return of_experts(); }
  Needs needs() const override { return {need<RoutedTokens>(renormalize_ ? 1 : 0)}; }
  Tensor units(const Group& group, const Stats& stats) const override;
  /// Of experts alone, which text is routed to.
  static Ranks of_experts();

 protected:
  virtual Tensor of(const RoutedTokens& seen) const = 0;  // [E]

 private:
  bool renormalize_, spare_;
};

/// The mixtures of the blocks whose experts compete, with the root layer of each group; an Error
/// where the model has none.
struct Contested {
  const Group* group;
  Layer* root;
  Mixture* mixture;
};
std::vector<Contested> contested(const Probe& probe);

/// Looks at a block's mixture until the end of the scope.
class Watched {
 public:
  Watched(Mixture& m, std::function<void(const Tensor&, const Routing&)> look) : m_(m) {
    m_.onlooker = std::move(look);
  }
  ~Watched() { m_.onlooker = nullptr; }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  Mixture& m_;
};

}  // namespace bench
