#include "core/model.h"

#include <fmt/ranges.h>

#include "base/digest.h"
#include "base/error.h"
#include "core/detection.h"
#include "tensor/pages.h"
#include "tensor/rows.h"

namespace bench {

std::vector<Layer*> Model::layers() {
  std::vector<Layer*> all;
  for (int64_t i = 0; i < block_count(); ++i)
    for (Layer* l : layers(i)) all.push_back(l);
  return all;
}

Tensor Classifier::operator()(const Tensor& features, int64_t begin, int64_t count) const {
  if (!weight.defined()) return features.narrow(1, begin, count);
  const auto part = bias.defined() ? bias.narrow(0, begin, count) : bias;
  const auto logits = linear_rows(features, weight.narrow(0, begin, count), part);
  if (cap <= 0) return logits;
  return rowwise(logits, [&](const Tensor& t) { return (t / cap).tanh() * cap; });
}

Tensor Classifier::operator()(const Tensor& features) const {
  return (*this)(features, 0, weight.defined() ? weight.size(0) : features.size(1));
}

Tensor Model::head(const Tensor& hidden, const Batch& batch) const {
  const auto logits = classifier()(features(hidden, batch));
  return logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
}

Tensor Model::body(const Batch& batch, bool wide) const {
  const auto here = batch.to(device_);
  auto hidden = stem(here);
  if (wide || at::GradMode::is_enabled()) hidden = at_least_float(hidden);
  for (int64_t i = 0; i < block_count(); ++i) hidden = block(i, hidden, here);
  return hidden;
}

Tensor Model::forward(const Batch& batch) const {
  return head(body(batch), batch);
}

void Model::to(const at::Device& device) {
  device_ = device;
  std::vector<Layer*> quantised;
  for (Layer* l : layers()) {
    if (l->quantised()) quantised.push_back(l);
    if (l->low_rank.alone) l->weight = l->weight.to(device);
  }
  for (auto& t : tensors())
    if (t.tensor->defined()) *t.tensor = t.tensor->to(device);
  for (Layer* l : quantised) l->describe(*l->format);
}

void name_layer(std::vector<Model::Named>& all, Layer& l) {
  if (!l.low_rank.alone) all.push_back({l.weight_name(), &l.weight});
  all.push_back({l.name + ".bias", &l.bias});
  if (!l.low_rank.u.defined()) return;
  all.push_back({l.name + ".low_rank.u", &l.low_rank.u});
  all.push_back({l.name + ".low_rank.v", &l.low_rank.v});
}

bool merge_factors(Model& model) {
  at::NoGradGuard no_grad;
  bool any = false;
  for (Layer* l : model.layers()) {
    if (!l->low_rank.u.defined()) continue;
    any = true;
    l->weight = l->whole().to(l->weight.scalar_type()).contiguous();
    l->low_rank = LowRank(), l->mask = Tensor(), l->format.reset();
  }
  return any;
}

Snapshot::Snapshot(Model& model) {
  for (auto& t : model.tensors()) tensors_.push_back(*t.tensor);
  for (const Layer* l : model.layers())
    layers_.push_back({l->weight, l->mask, l->format, l->low_rank});
}

void Snapshot::restore(Model& model) const {
  size_t k = 0;  // first, since a layer's factors are tensors of the model
  for (Layer* l : model.layers()) {
    const auto& of = layers_.at(k++);
    l->weight = of.weight, l->mask = of.mask, l->format = of.format, l->low_rank = of.low_rank;
  }
  const auto all = model.tensors();
  require(all.size() == tensors_.size(), "a snapshot belongs to its model");
  for (size_t i = 0; i < all.size(); ++i) *all[i].tensor = tensors_[i];
}

bool Snapshot::holds(Model& model) const {
  const auto all = model.tensors();
  const auto layers = model.layers();
  if (all.size() != tensors_.size() || layers.size() != layers_.size()) return false;
  for (size_t i = 0; i < all.size(); ++i)
    if (!all[i].tensor->is_same(tensors_[i])) return false;
  for (size_t i = 0; i < layers.size(); ++i)
    if (!layers[i]->mask.is_same(layers_[i].mask) || layers[i]->format != layers_[i].format ||
        !layers[i]->low_rank.u.is_same(layers_[i].low_rank.u))
      return false;
  return true;
}

namespace {

/// Rows that predict something: all but the last token of each sequence, with what they predict.
std::pair<Tensor, Tensor> predicting(const Batch& batch) {
  std::vector<int64_t> rows;
  for (int64_t s = 0; s < batch.segments(); ++s)
    for (auto t = batch.starts[static_cast<size_t>(s)];
         t + 1 < batch.starts[static_cast<size_t>(s) + 1]; ++t)
      rows.push_back(t);
  const auto index = at::tensor(rows, at::kLong).to(batch.ids.device());
  return {index, batch.ids.index_select(0, index + 1)};
}

}  // namespace

Tensor image_loss(const Model& model, const Batch& batch) {
  const auto logits = model.forward(batch);
  if (gives_boxes(logits) || batch.labels.dim() > 1)
    return detection_loss(logits, batch.labels, batch.images.size(2), batch.images.size(3));
  return at::cross_entropy_loss(logits, batch.labels.to(logits.device()));
}

Tensor next_token_loss(const Model& model, const Batch& batch) {
  const auto hidden = model.body(batch);
  const auto [rows, targets] = predicting(batch.to(hidden.device()));
  const auto logits = model.head(hidden.index_select(0, rows), batch);
  const auto wide = logits.to(at::kDouble);
  const auto picked = wide.gather(1, targets.unsqueeze(1)).squeeze(1);
  return (wide.logsumexp(1) - picked).mean();
}

std::string weight_hash(Model& model) {
  Sha256 digest;
  for (const auto& t : model.tensors()) {
    if (!t.parameter || !t.tensor->defined()) continue;
    const auto data = t.tensor->detach().cpu().contiguous();
    const auto head = fmt::format("{}|{}|{}\n", t.name, fmt::join(data.sizes(), ","),
                                  c10::toString(data.scalar_type()));
    digest.update(head.data(), head.size());
    digest.update(data.const_data_ptr(), data.nbytes());
    rest(*t.tensor);
  }
  return digest.hex();
}

}  // namespace bench
