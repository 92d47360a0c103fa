#include "tasks/scoring.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "tensor/rows.h"
#include "base/error.h"
#include "tasks/running_softmax.h"

namespace bench {
namespace {

/// Items laid out as segments: the common prefix of an item's inputs once, then the rests. The
/// prefix of several choices is cut at fixed places, and a whole piece that an earlier item of the
/// batch began with, too (the examples of few-shot prompts), is not computed again.
///
/// A sequence of more than `steady` tokens (Model::steady_length) shares nothing.
class Layout {
 public:
  explicit Layout(int64_t steady) : steady_(steady) {}
  void add(const Item& item) {
    for (const auto& r : item.requests) check(r);
    const int64_t shared = common(item);
    const auto prefix = pieces(item, shared);
    for (const auto& r : item.requests) {
      const int64_t inputs = inputs_of(r);
      const int64_t rest =
          inputs > shared ? segment(r.tokens, shared, inputs, prefix.empty() ? -1 : prefix.back())
                          : -1;
      // Token t is predicted by input t - 1.
      for (int64_t at = inputs - r.continuation; at < inputs; ++at) {
        const int64_t piece = std::min(at / kPiece, static_cast<int64_t>(prefix.size()) - 1);
        const int64_t inside = at < shared ? prefix[static_cast<size_t>(piece)] : rest;
        const int64_t begin_of = at < shared ? piece * kPiece : shared;
        targets_.push_back({starts_[static_cast<size_t>(inside)] + at - begin_of,
                            r.tokens[static_cast<size_t>(at) + 1]});
      }
    }
  }
  int64_t tokens() const { return static_cast<int64_t>(ids_.size()); }
  const std::vector<Target>& targets() const { return targets_; }
  Batch batch() const {
    Batch b;
    b.ids = at::tensor(ids_, at::kLong);
    b.positions = at::tensor(positions_, at::kLong);
    b.starts = starts_;
    b.starts.push_back(tokens());
    b.parent = parent_;
    return b;
  }

 private:
  static constexpr int64_t kPiece = 256;  // tokens

  /// The last token is predicted and predicts nothing.
  static int64_t inputs_of(const Item::Request& r) {
    return static_cast<int64_t>(r.tokens.size()) - 1;
  }
  /// The first predicted token needs one before it: the row of another request is none.
  static void check(const Item::Request& r) {
    if (r.continuation < 0 || r.continuation > inputs_of(r))
      fail("a request of {} tokens cannot have {} of them predicted", r.tokens.size(),
           r.continuation);
  }

  /// Segments of the first `shared` tokens. One request alone is one segment: it is never cut.
  std::vector<int64_t> pieces(const Item& item, int64_t shared) {
    std::vector<int64_t> all;
    if (shared == 0) return all;
    const auto& tokens = item.requests[0].tokens;
    const int64_t step = item.requests.size() > 1 ? kPiece : shared;
    for (int64_t begin = 0; begin < shared; begin += step) {
      const int64_t parent = all.empty() ? -1 : all.back();
      const int64_t end = std::min(shared, begin + step);
      const auto make = [&] { return segment(tokens, begin, end, parent); };
      if (end - begin != kPiece) {
        all.push_back(make());
        continue;
      }
      Sequence piece(tokens.begin() + begin, tokens.begin() + end);
      const auto [known, added] = known_.try_emplace({parent, std::move(piece)}, 0);
      if (added) known->second = make();
      all.push_back(known->second);
    }
    return all;
  }

  /// How many inputs all requests begin with.
  int64_t common(const Item& item) const {
    if (item.requests.empty()) return 0;
    const auto& first = item.requests[0].tokens;
    if (steady_ > 0 && item.requests.size() > 1)
      for (const auto& r : item.requests)
        if (inputs_of(r) > steady_) return 0;
    int64_t n = inputs_of(item.requests[0]);
    for (const auto& r : item.requests) {
      n = std::min(n, inputs_of(r));
      n = std::mismatch(first.begin(), first.begin() + n, r.tokens.begin()).first - first.begin();
    }
    return n;
  }
  int64_t segment(const Sequence& tokens, int64_t begin, int64_t end, int64_t parent) {
    if (begin == end) return -1;
    starts_.push_back(this->tokens());
    parent_.push_back(parent);
    for (int64_t t = begin; t < end; ++t) {
      ids_.push_back(tokens[static_cast<size_t>(t)]);
      positions_.push_back(t);
    }
    return static_cast<int64_t>(parent_.size()) - 1;
  }
  int64_t steady_;
  std::vector<int64_t> ids_, positions_, starts_, parent_;
  std::vector<Target> targets_;
  std::map<std::pair<int64_t, Sequence>, int64_t> known_;  // (parent, whole piece) -> segment
};

constexpr int64_t kClasses = 2048;  // logits of this many classes at a time

Tensor answers(const Tensor& features, const Classifier& classifier, const Tensor& ids) {
  RunningSoftmax softmax(ids);
  if (!classifier.weight.defined()) {
    softmax.add(features.to(at::kFloat), 0);
    return softmax.answers();
  }
  const auto classes = classifier.weight.size(0);
  for (int64_t begin = 0; begin < classes; begin += kClasses)
    softmax.add(classifier(features, begin, std::min(kClasses, classes - begin)).to(at::kFloat),
                begin);
  return softmax.answers();
}

}  // namespace

Scored score_targets(const Model& model, const Batch& batch, const std::vector<Target>& targets) {
  if (targets.empty()) return {};
  at::NoGradGuard no_grad;
  const auto hidden = model.body(batch);
  std::vector<int64_t> rows, ids;
  for (const auto& t : targets) rows.push_back(t.row), ids.push_back(t.id);
  const auto device = hidden.device();
  const auto wanted = at::tensor(ids, at::kLong).to(device).unsqueeze(1);
  const auto inputs = hidden.index_select(0, at::tensor(rows, at::kLong).to(device));
  const auto classifier = model.classifier();
  const auto answer = rowwise(inputs, wanted, [&](const Tensor& h, const Tensor& id) {
                        return answers(model.features(h, batch), classifier, id);
                      }).cpu();
  Scored out;
  const auto a = answer.accessor<float, 2>();
  for (int64_t i = 0; i < a.size(0); ++i) {
    if (std::isnan(a[i][0]))
      fail("the model's output is no number (NaN): it overflows, or it is broken");
    out.log_prob.push_back(a[i][0]);
    out.greedy.push_back(a[i][1] != 0);
  }
  return out;
}

std::vector<double> window_losses(const Model& model, const std::vector<Sequence>& windows,
                                  int64_t batch_tokens,
                                  const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<double> losses;
  for (const auto& batch : text_batches(windows, batch_tokens)) {
    std::vector<Target> targets;
    const auto* ids = batch.ids.const_data_ptr<int64_t>();
    for (int64_t s = 0; s < batch.segments(); ++s)
      for (auto t = batch.starts[static_cast<size_t>(s)];
           t + 1 < batch.starts[static_cast<size_t>(s) + 1]; ++t)
        targets.push_back({t, ids[t + 1]});
    const auto scored = score_targets(model, batch, targets);
    size_t at = 0;
    for (int64_t s = 0; s < batch.segments(); ++s) {
      const int64_t n =
          batch.starts[static_cast<size_t>(s) + 1] - batch.starts[static_cast<size_t>(s)] - 1;
      if (n < 1) fail("a window of one token predicts nothing; give windows of two or more");
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) sum -= scored.log_prob[at++];
      losses.push_back(sum / static_cast<double>(n));
    }
    if (progress)
      progress(static_cast<int64_t>(losses.size()), static_cast<int64_t>(windows.size()));
  }
  return losses;
}

std::vector<std::vector<Likelihood>> likelihoods(
    const Model& model, const std::vector<Item>& items, int64_t batch_tokens,
    const std::function<void(int64_t, int64_t)>& progress) {
  std::vector<std::vector<Likelihood>> out;
  for (size_t next = 0; next < items.size();) {
    Layout layout(model.steady_length());
    const size_t first = next;
    while (next < items.size() && (next == first || layout.tokens() < batch_tokens))
      layout.add(items[next++]);
    const auto scored = score_targets(model, layout.batch(), layout.targets());
    size_t at = 0;
    for (size_t i = first; i < next; ++i) {
      auto& answers = out.emplace_back();
      for (const auto& r : items[i].requests) {
        Likelihood l;
        for (int64_t t = 0; t < r.continuation; ++t, ++at) {
          l.sum += scored.log_prob[at];
          l.greedy = l.greedy && scored.greedy[at];
        }
        answers.push_back(l);
      }
    }
    if (progress) progress(static_cast<int64_t>(next), static_cast<int64_t>(items.size()));
  }
  return out;
}

}  // namespace bench
