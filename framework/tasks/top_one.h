#pragma once
#include "core/task.h"

namespace bench {

/// Accuracy of classes of whole images: n, items (1 where the label has the largest logit), value,
/// standard error and unit of a metric named acc. Boxes in the data, and a detector, are an Error
/// that begins with `task`. progress(done, of) may be empty.
Metric top_one(const Model& model, const Batch& all, const std::string& task,
               const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace bench
