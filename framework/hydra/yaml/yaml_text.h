#pragma once
#include <string>

#include "hydra/yaml/value.h"

namespace bench {

/// What yaml-cpp lets pass: checked on the text itself, before and while it is parsed.

/// The text without a byte order mark; an Error if it is too long, no UTF-8, holds characters that
/// YAML forbids, or nests brackets deeper than any config does.
std::string checked_text(const std::string& text, const std::string& file_name);

/// Is the line (from 0) indented with a tab?
bool line_has_tab(const std::string& text, int line);

/// Where a scalar begins, after its tag and anchor.
size_t scalar_start(const std::string& text, size_t at);

/// The tag and anchor at `at`, as written ("!!str", "&x", "!!str &x"); "" if there are none.
std::string properties(const std::string& text, size_t at);

/// "" or what is wrong with a tag or anchor there: text right behind a tag, or a name of an anchor
/// of more than letters, digits, _ and -.
std::string property_problem(const std::string& text, size_t at, bool in_flow);

/// "" or what is wrong with the scalar at `at`: a quote that never ends, or, where a key is due in
/// a block map, no ':' after it.
std::string scalar_problem(const std::string& text, size_t at, bool in_block_map, bool key);

/// The text of the scalar at `at`, given what yaml-cpp made of it: quoted texts are read again here
/// (it loses line breaks at their end), of block texts the line breaks that `+` keeps. `column` is
/// that of the list or map around it, -1 for none.
std::string scalar_text(const std::string& text, size_t at, const std::string& parsed, int column);

/// The value of a text under a resolved tag ("?": none, "!": quoted).
Value tagged_scalar(const std::string& tag, const std::string& text);
/// The value where nothing but a tag and an anchor are written (properties()).
Value empty_scalar(const std::string& properties);

}  // namespace bench
