#include "base/error.h"
#include "base/near.h"
#include "config/completion.h"

namespace bench {
namespace {

const char* const kBash = R"(_bench_complete() {
    local words
    words=$(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" \
        "${COMP_WORDS[0]}" -sc query=bash 2>/dev/null)
    # Readline splits at '=' and ':'; what stands before the last one is already typed.
    local typed="${COMP_LINE:0:$COMP_POINT}"
    typed="${typed##* }"
    local current="${COMP_WORDS[COMP_CWORD]}"
    [ "$current" = "=" ] && current=""
    local prefix="${typed%"$current"}"
    local IFS=$'\n' word
    COMPREPLY=()
    for word in $words; do
        COMPREPLY+=("${word#"$prefix"}")
    done
    case "${COMPREPLY[0]}" in *[=./]) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _bench_complete bench
)";

const char* const kZsh = R"(_bench_complete() {
    local -a words_found
    words_found=("${(@f)$(COMP_LINE="$BUFFER" COMP_POINT="$CURSOR" \
        ${words[1]} -sc query=zsh 2>/dev/null)}")
    [[ -n $words_found ]] && compadd -Q -S '' -a words_found
}
compdef _bench_complete bench
)";

const char* const kFish = R"(function __bench_complete
    set -lx COMP_LINE (commandline -cp)
    set -lx COMP_POINT (string length -- "$COMP_LINE")
    set -l program (commandline -opc)[1]
    $program -sc query=fish 2>/dev/null
end
complete -c bench -f -a '(__bench_complete)'
)";

std::string for_shell(const std::string& shell, const char* bash, const char* zsh,
                      const char* fish) {
  if (shell == "bash") return bash;
  if (shell == "zsh") return zsh;
  if (shell == "fish") return fish;
  fail("no completion for the shell '{}'{}", shell, suggestion(shell, {"bash", "zsh", "fish"}));
}

}  // namespace

std::string completion_script(const std::string& shell) {
  return for_shell(shell, kBash, kZsh, kFish);
}

std::string completion_removal(const std::string& shell) {
  return for_shell(shell, "complete -r bench; unset -f _bench_complete\n",
                   "compdef -d bench; unfunction _bench_complete\n",
                   "complete -c bench -e; functions -e __bench_complete\n");
}

}  // namespace bench
