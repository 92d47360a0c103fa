#include "hydra/interpolation/interpolation.h"

#include "hydra/interpolation/resolver.h"

namespace bench {

Value resolve(const Value& root, const ResolveContext& context) {
  Resolver resolver(root, context);
  return resolver.copy(resolver.root());
}

Value resolve_text(const Value& root, const std::string& text, const ResolveContext& context) {
  Resolver resolver(root, context);
  const Value node(text);
  return resolver.copy({&node, {&root}, {"(text)"}, false});
}

Selected select(const Value& root, const std::string& path, const ResolveContext& context) {
  Resolver resolver(root, context);
  const bool dot = path.size() > 1 && path[0] == '.';  // ".a" is a child of the root as well
  const Place place =
      resolver.find(resolver.root(), dot ? path.substr(1) : path, Resolver::OnMissing::Return);
  if (!place.node) return {};
  if (place.node->is_string() && place.node->string() == "???")
    return {place.final ? Selected::State::Absent : Selected::State::Missing, {}};
  return {Selected::State::Found, resolver.copy(place)};
}

}  // namespace bench
