// Wanda's and others' masks, moved or repaired after they were chosen: DSnoT, EBFT.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

const RecordedAs kDsnot({"dsnot"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  Recipe how{{p.value("initial_method", std::string("wanda"))}};
  how.contest = Contest::Row;
  if (p.value("without_DSnoT", false) && r.at("pattern").at("keep_n").is_null()) return how;
  std::vector<std::string> skip;
  for (const char* key : {"skip_layer", "skip_sub_layer"})
    skip.push_back(p.value(key, std::string("no_skip")));
  how.updates = {{"dsnot",
                  {{"cycles", whole(p, "max_cycle_time", 50)},
                   {"threshold", number(p, "update_threshold", 0.1)},
                   {"variance_power", number(p, "pow_of_var_regrowing", 1)},
                   {"same_sign", Value(!p.value("without_same_sign", true))},
                   {"skip", Value(Value::List{Value(skip[0]), Value(skip[1])})}}}};
  return how;
});

const RecordedAs kEbft(
    {"ebft_wanda", "ebft_magnitude", "ebft_sparsegpt"}, [](const Json& r) -> std::optional<Recipe> {
      const auto p = parameters(r);
      auto how = ranked_by(r);
      if (how.criterion.name == "wanda") how.allocator = {"uniform", {{"counts", Value("keep")}}};
      how.updates.push_back({"ebft",
                             {{"epochs", whole(p, "epochs", 10)},
                              {"lr", number(p, "learning_rate", 0.01)},
                              {"batch", whole(p, "batch_size", 8)},
                              {"weight_decay", number(p, "weight_decay", 0.1)},
                              {"beta1", number(p, "adam_beta1", 0.9)},
                              {"beta2", number(p, "adam_beta2", 0.95)},
                              {"clip", number(p, "max_grad_norm", 1)},
                              {"warmup", whole(p, "warmup_steps", 0)}}});
      return how;
    });

}  // namespace
}  // namespace bench::verify
