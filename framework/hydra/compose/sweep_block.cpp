// The `sweep:` block of a primary config (docs/config.md, "Sweeps").
#include <algorithm>

#include "base/error.h"
#include "base/near.h"
#include "hydra/yaml/scalar.h"
#include "hydra/compose/sweep.h"

namespace bench {
namespace {

std::vector<std::vector<Element>> as_column(std::vector<Element> values) {
  std::vector<std::vector<Element>> column;
  column.push_back(std::move(values));
  return column;
}

/// `zip: {a: [1,2], b: [x,y]}`: one axis that sets several keys at once.
SweepAxis read_zip(const Value& zip, const Composer& composer) {
  if (!zip.is_map() || zip.map().empty())
    fail("{}sweep.zip: a map of key: values is expected, as in zip: {{a: [1, 2], b: [x, y]}}",
         where(zip));
  SweepAxis all;
  for (const auto& entry : zip.map()) {
    auto one = read_axis(entry.key, entry.value, composer);
    if (!all.keys.empty() && one.size() != all.size())
      fail("{}sweep.zip: '{}' has {} values, '{}' has {}; keys that are zipped need equally many",
           where(entry.value), entry.key, one.size(), all.keys.front().key_text(), all.size());
    all.keys.push_back(std::move(one.keys.front()));
    all.values.push_back(std::move(one.values.front()));
    all.origin += (all.origin.empty() ? "" : ", ") + one.origin;
  }
  return all;
}

SweepItem read_item(const Value& map, const Composer& composer, bool in_list) {
  if (!map.is_map())
    fail("{}sweep: a map of key: values is expected, got a {}; write `seed: [0, 1]`", where(map),
         type_name(map));
  SweepItem item;
  for (const auto& [key, value, kind] : map.map()) {
    if (key == "when") {
      if (!in_list)
        fail(
            "{}sweep.when: stands only in an item of a list: `sweep: [{{seed: [0, 1]}}, {{when: "
            "{{criterion: wanda}}, ...}}]`",
            where(value));
      if (!value.is_map() || value.map().empty())
        fail("{}sweep.when: a map of key: value is expected, as in when: {{criterion: wanda}}",
             where(value));
      item.when = value;
    } else if (key == "zip") {
      for (const auto& zip : value.is_list() ? value.list() : Value::List{value})
        item.axes.push_back(read_zip(zip, composer));
    } else {
      item.axes.push_back(read_axis(key, value, composer));
    }
  }
  return item;
}

}  // namespace

SweepAxis read_axis(const std::string& key, const Value& values, const Composer& composer) {
  SweepAxis axis;
  axis.origin = where(values) + "sweep." + key;
  Override o;
  try {
    o = parse_override(key + "=");
  } catch (const Error& e) {
    fail("{}sweep.{}: {}", where(values), key, e.what());
  }
  if (is_setting(o))
    fail("Sweeping over Hydra's configuration is not supported : '{}'", axis.origin);
  o.value.reset();
  std::vector<Element> list;
  if (values.is_list()) {
    for (const auto& value : values.list()) list.push_back(element_of(value));
  } else if (values.is_string()) {
    try {
      o.value = parse_override_value(values.string());
      if (o.is_sweep()) {
        o.input = key + "=" + values.string();
        axis = axis_of(o, composer);
        axis.origin = where(values) + "sweep." + key;
        return axis;
      }
    } catch (const Error& e) {
      fail("{}sweep.{}: {}", where(values), key, e.what());
    }
    list.push_back(*o.value);
    o.value.reset();
  } else {
    list.push_back(element_of(values));
  }
  if (list.empty())
    fail("{}sweep.{}: an empty list sweeps nothing; remove the key", where(values), key);
  axis.keys.push_back(std::move(o));
  axis.values = as_column(std::move(list));
  return axis;
}

SweepAxis axis_of(const Override& o, const Composer& composer) {
  SweepAxis axis;
  axis.origin = "'" + o.input + "'";
  axis.keys.push_back(o);
  axis.keys.back().value.reset();
  // Another order for every key: the seed and the key's text decide (FNV-1a).
  uint64_t seed = composer.sweep_seed ^ 0xcbf29ce484222325u;
  for (const char c : o.key_text()) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  auto values = sweep_values(o.sweep(), o.key, composer.options(), seed);
  // A job is its text: what it says when read again is the value (str(1) is 1 there, as in Hydra).
  for (auto& value : values) value = parse_override_value(element_text(value));
  axis.values = as_column(std::move(values));
  return axis;
}

std::vector<SweepItem> read_sweep_block(const Value& block, const Composer& composer) {
  std::vector<SweepItem> items;
  if (block.is_null()) return items;
  if (!block.is_list()) {
    items.push_back(read_item(block, composer, false));
    return items;
  }
  for (const auto& item : block.list()) items.push_back(read_item(item, composer, true));
  if (!items.empty() && !items.front().when.is_null())
    fail("{}sweep: the first item has a `when`, but no jobs come before it to apply it to",
         where(block.list().front()));
  return items;
}

}  // namespace bench
