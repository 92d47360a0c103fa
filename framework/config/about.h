#pragma once
#include <string>

namespace bench {

/// What a plugin is, for people who look for one: `bench criteria --where year>=2024 data=none`.
/// The axes are those of the pruning survey (arXiv 2308.06767).
struct About {
  std::string doc;     // one sentence
  std::string source;  // paper or code: "Sun et al. 2023, arXiv 2306.11695"
  int year = 0;        // of the source
  /// When it acts. Any: wherever it is asked to.
  enum class When { Any, Before, During, After, Dynamic } when = When::After;
  /// What it must be shown. Unlabelled: texts or images alone; Labelled: with labels.
  enum class Data { None, Unlabelled, Labelled } data = Data::None;
  /// Scored in closed form, learned by gradient steps, searched over candidates, or a fixed rule.
  enum class How { Scored, Learned, Searched, Fixed } how = How::Scored;
  std::string fusion = "none";  // what it joins pruning with: quantisation, low_rank, distillation
};

const char* name_of(About::When when);
const char* name_of(About::Data data);
const char* name_of(About::How how);

}  // namespace bench
