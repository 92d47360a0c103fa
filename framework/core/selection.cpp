#include "core/selection.h"

namespace bench {

Tensor Selection::mask(const Tensor& score, Contest contest, Share share) const {
  return select(score, contest, share.ratio, share.count);
}

Tensor Selection::nm(const Tensor& score, int64_t keep, int64_t of) const {
  return select_nm(score, keep, of);
}

Tensor Selection::units(const Group& group, const Tensor& score, Share share) const {
  return select_units(score, removed_units(group, share));
}

int64_t removed_units(const Group& group, Share share) {
  return share.count >= 0
             ? std::min(share.count, group.units - group.at_least)
             : removed_units(group.units, group.unit_width, share.ratio, group.at_least);
}

namespace {

/// The rule of the Wanda family's code: everything <= the score at index int(n * ratio) of a layer
/// goes; rows by a stable sort; n:m by torch.topk (wanda/lib/prune.py:41-52, 178-204). Where an
/// allocator gives a count, exactly that.
class Threshold : public Selection {
 public:
  Tensor mask(const Tensor& score, Contest contest, Share share) const override {
    if (share.count >= 0 || contest == Contest::Row) return Selection::mask(score, contest, share);
    return select_threshold(score, share.ratio);
  }
  Tensor nm(const Tensor& score, int64_t keep, int64_t of) const override {
    return select_nm_reference(score, keep, of);
  }
};

/// Exact, but a row's last group that is shorter than m loses as many as a whole one.
class TailsRemoved : public Selection {
 public:
  Tensor nm(const Tensor& score, int64_t keep, int64_t of) const override {
    return select_nm(score, keep, of, true);
  }
};

BENCH_REGISTER(Selection, Selection, "exact", .doc = "exact counts, of equals the first go",
               .source = "PruneBench", .year = 2026, .when = About::When::Any);
BENCH_REGISTER(Selection, TailsRemoved, "tails_removed",
               .doc = "exact counts; of n:m a last group shorter than m loses m - n of its weights",
               .source = "Sun et al. 2023, arXiv 2306.11695 (lib/prune.py:171-176)", .year = 2023);
BENCH_REGISTER(Selection, Threshold, "threshold",
               .doc = "all up to the score at index int(n ratio) of a layer; rows by a stable sort",
               .source = "Sun et al. 2023, arXiv 2306.11695 (lib/prune.py)", .year = 2023);

}  // namespace
}  // namespace bench
