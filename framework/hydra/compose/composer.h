#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hydra/compose/compose.h"
#include "hydra/override/override.h"
#include "hydra/compose/repository.h"

namespace bench {

/// Composes many configurations of one primary config. Files are read once; the part that only
/// choices of groups decide is composed once per set of choices.
class Composer {
 public:
  explicit Composer(const ComposeRequest& request);

  Repository& repository() { return repository_; }
  const ComposeRequest& request() const { return request_; }
  /// `skip_missing`: a group that is still `???` is left out (a sweep will choose it).
  Composition compose(const std::vector<Override>& overrides, bool skip_missing);
  /// The options that glob() filters.
  Options options() const;
  uint64_t sweep_seed = 0;  // of shuffles (trap T9): the configuration's own `seed`

 private:
  struct Base {
    Composition composition;
    std::vector<std::string> texts;
  };
  std::shared_ptr<const Composition> base(const std::vector<Override>& overrides,
                                          bool skip_missing);
  Value merged(const std::vector<FinalDefault>& list);
  void add_search_path(const Value& paths, const char* provider);

  const ComposeRequest request_;
  Repository repository_;
  std::optional<std::string> primary_;
  std::map<std::string, std::shared_ptr<const Composition>> bases_;
};

/// Applies overrides of values, in order (specification 1.6).
void apply_overrides(Value& config, const std::vector<const Override*>& overrides,
                     const ResolveContext& context);

/// The 3-line error of specification 1.5 for a sweep where none is allowed, or one over the
/// settings of the run itself.
void check_sweeps_allowed(const std::vector<Override>& overrides, bool multirun);

bool is_setting(const Override& override);  // hydra.x or hydra/x

}  // namespace bench
