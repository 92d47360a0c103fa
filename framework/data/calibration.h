#pragma once
#include "config/config.h"
#include "core/statistic.h"
#include "tokenizers/tokenizer.h"

namespace bench {

/// Calibration presets, each the sampling of a published script with CPython's random stream, bit
/// for bit (evaluation.md 3).
Schema calibration_schema();

/// Ids of the sequences a preset draws.
std::vector<Sequence> sample_sequences(const Config& config, const Tokenizer& tokenizer,
                                       int64_t model_length);
/// Text: batches of at most batch_tokens; images: batches of `batch` images.
Calibration make_calibration(const Config& config, const Tokenizer* tokenizer, int64_t model_length,
                             int64_t batch_tokens);
/// Missing files, found while a sweep is planned.
void check_calibration(const Config& config);

}  // namespace bench
