#pragma once
#include "models/transformer.h"

namespace bench {

/// Granite's LLaMA with four numbers: embeddings, branches and scores are multiplied, logits
/// divided (transformers models/granite/modeling_granite.py).
Plan granite_plan(Source& source);

}  // namespace bench
