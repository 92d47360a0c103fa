// Solvers that choose masks and weights together: ADMM-Grad, ALPS.
#include "parity/recipes.h"

namespace bench::verify {
namespace {

const RecordedAs kAdmm({"admm_grad"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  Recipe how{{"magnitude"},
             {{"admm_grad",
               {{"damping", number(p, "percdamp", 0.1)},
                {"rho", number(p, "rho", 1)},
                {"iterations", whole(p, "iters", 20)},
                {"choosing", whole(p, "iterative_prune", 15)}}}}};
  how.contest = p.value("per_out", false) ? Contest::Row : Contest::Layer;
  return how;
});

const RecordedAs kAlps({"alps"}, [](const Json& r) -> std::optional<Recipe> {
  const auto p = parameters(r);
  return Recipe{{"magnitude"},
                {{"alps",
                  {{"ridge", number(p, "ridge", 0.01)},
                   {"rho", number(p, "rho", 0.1)},
                   {"iterations", whole(p, "max_iter", 300)},
                   {"every", whole(p, "update_iter", 3)},
                   {"settled_from", whole(p, "switch_iter", 30)},
                   {"cg_steps", whole(p, "cg_maxiter", 10)},
                   {"cg_tolerance", number(p, "cg_rtol", 1e-4)}}}}};
});

}  // namespace
}  // namespace bench::verify
