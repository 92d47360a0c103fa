#pragma once
#include <vector>

#include "tasks/prompts.h"

namespace bench {

/// The first of the largest values.
size_t first_maximum(const std::vector<double>& values);

/// What acc_norm and its relatives compare: log-likelihoods divided, choice by choice.
std::vector<double> per_character(const Question& question, const std::vector<double>& sums);
std::vector<double> per_byte(const Question& question, const std::vector<double>& sums);

/// Whether a choice is one that counts as right.
bool is_right(const Question& question, size_t choice);

/// The share of the choices' probability that the right ones have (TruthfulQA's mc2).
double right_mass(const Question& question, const std::vector<double>& sums);

/// Squared distance of the softmax of the sums to the right answer; gold < 0: there is none.
double brier(const std::vector<double>& sums, int64_t gold);
/// Of the choice with the largest sum, where probabilities are the softmax of the sums; NaN where
/// one of them is NaN, equal shares where all are minus infinity.
double probability_of_best(const std::vector<double>& sums);

}  // namespace bench
