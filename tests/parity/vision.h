#pragma once
#include "walk/pruner.h"
#include "parity/verify.h"

namespace bench::verify {

/// A network of images that a case names: its `checkpoint`, or the file of that name below
/// `vision/` beside a model folder (resnet20-12fca82f.th is resnet20).
std::unique_ptr<Model> vision_model(const Run& run, const Json& record);

/// The images of a case's `batch`: {file, records: "0..255" or "0..255 in 4 batches of 64", or
/// batches: [[first, last], ...]}, in batches of that size (`size` where the record gives none).
Calibration vision_batches(const Run& run, const Json& record, int64_t size = 0);

/// "layer1.0.conv1" of our "backbone.layer1.0.conv1", "fc" of "head.fc".
std::string short_module(const std::string& name);

/// Largest |ours - theirs| as a share of the largest |theirs|.
double relative(const Tensor& ours, const Tensor& theirs);

/// Share of the first `count` images of the batches that the model classifies.
double accuracy(const Model& model, const Calibration& data);

}  // namespace bench::verify
