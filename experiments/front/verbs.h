#pragma once
#include <string>
#include <vector>

#include "front/flags.h"

namespace bench::front {

/// Every verb and its flags, in the order of the help.
const std::vector<Verb>& verbs();

int list(const Options& options);
int show(const Options& options);
int report(const Options& options);
int leaderboard(const Options& options);

/// Replaces this process by bench-engine beside it; returns only by throwing.
int hand_over(const std::vector<std::string>& words);

/// Standard output is a terminal that wants colours; its columns, or 120.
bool colours();
size_t columns();
/// An Error where standard output cannot take it (a full disk).
void print(const std::string& text);

}  // namespace bench::front
