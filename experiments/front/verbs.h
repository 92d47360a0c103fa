#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "hydra/compose/compose.h"
#include "front/flags.h"

namespace bench::front {

/// Every verb and its flags, in the order of the help.
const std::vector<Verb>& verbs();
/// Those with which people check what is measured: score, generate, logits, tokenize, diff, why.
std::vector<Verb> checking_verbs();
/// The flags of `show request`, which bench-engine answers.
std::vector<Flag> request_flags();

int run(const Options& options);  // also plan: composes or shows, then hands over
int verify(const Options& options);
int conform(const Options& options);
int list(const Options& options);
int show(const Options& options);
int report(const Options& options);
int paired(const Options& options);
int leaderboard(const Options& options);
int plot(const Options& options);
int variance(const Options& options);
int diff(const Options& options);
int name_trials(const Options& options);
int note_trial(const Options& options);
int remove_trials(const Options& options);
int merge_databases(const Options& options);
int status(const Options& options);
/// Hands a verb of bench-engine over with its flags in front: "--flag=value" ... "--" arguments.
int ask(const Options& options);
int export_results(const Options& options);
int import_results(const Options& options);
int reproduce(const Options& options);
int memory(const Options& options);

/// Prints what a shell's completion asks for: install=bash, uninstall=zsh, query=fish.
int shell_completion(const std::string& request);
/// The configuration that the words of run and plan ask for.
ComposeRequest request_of(const Options& options);
/// The same with the shipped groups last on its search path, as the engine has it: a configuration
/// of one's own, wherever it lies, finds them.
ComposeRequest with_shipped(ComposeRequest request);

/// What bench-engine beside this program prints, "" where it is missing or fails.
std::string engine_output(const std::vector<std::string>& words);
/// Replaces this process by bench-engine beside it; returns only by throwing.
int hand_over(const std::vector<std::string>& words, const std::string& program = "bench-engine");

/// The same by the script `bench` of the checkout, which builds and fetches.
int hand_to_script(const std::vector<std::string>& words);
/// Standard output is a terminal that wants colours; its columns, or 120.
bool colours();
size_t columns();
/// An Error where standard output cannot take it (a full disk).
void print(const std::string& text);
/// The same through a pager, where standard output is a terminal that is too short for it.
void show_pages(const std::string& text);
/// "50%" and "0.5" as a share; anything else is a Usage error of that verb's --sparsity.
double share_named(const std::string& verb, const std::string& word);
/// Beside its place first, then renamed: a reader never sees half a page.
void write_file(const std::string& path, const std::string& text);
/// The checkout, known by a file inside: $BENCH_HOME, this folder, or one above the program. An
/// Error says what else helps.
std::filesystem::path checkout(const std::string& inside, const std::string& remedy = "");

}  // namespace bench::front
