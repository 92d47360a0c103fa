#pragma once
#include "reports/atlas.h"
#include "reports/figures/drawing.h"
#include "reports/overview.h"

namespace bench {

/// The series of a model's methods (overview.h).
using Series = std::map<std::string, int>;

/// A metric over measured sparsity: a line for each method and pattern from the dense model at 0 %,
/// with a band of its standard error; logarithmic where values span more than twelve times. What is
/// far beyond the rest is cut at the edge and marked. Structured patterns or the others, never
/// both.
Drawing curve_figure(const Table& table, bool structured, const Series& series, bool legend);

/// Quality against cost, the front as a stepped line through what nothing beats.
Drawing pareto_figure(const Front& front, const Series& series, bool legend);

/// Mean ranks with their intervals, the best on top.
Drawing rank_figure(const Ranking& ranking, const Series& series);

/// Share of zeros: a row a method, a column a layer.
Drawing layers_figure(const Atlas& atlas);

/// How much masks agree. Without `method`: every method with every other, mean over layers; with
/// it: every method with that one, layer by layer.
Drawing atlas_figure(const Atlas& atlas, const std::string& method);

}  // namespace bench
