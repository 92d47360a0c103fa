#pragma once
#include <string>

#include "core/model.h"
#include "core/statistic.h"
#include "results/result.h"

namespace bench {

// What a trial writes down about itself beside its numbers.

/// The machine, the program and the number of threads.
void record_environment(Outcome& out, const std::string& device);
/// Measured sparsity after a stage, by tensor, by block and of the whole model.
void record_sparsity(Outcome& out, Model& model, const std::string& stage);
/// Weights that hold NaN or infinity are an Error with the tensor's name.
void check_finite(Model& model);
/// A hash by its name: of several rounds the last counts.
void set_hash(Outcome& out, const std::string& name, const std::string& hash);
/// Only where none of that name is there: data and tokenizers, once each.
void keep_hash(Outcome& out, const std::string& name, const std::string& hash);

/// Notes of the whole model, once each, as JSON.
void keep_notes(Outcome& out, const Statistic::Notes& notes);

}  // namespace bench
