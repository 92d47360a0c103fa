#!/bin/sh
# Installs transformers and lm-eval into a throw-away environment (about 6 GB) and compares; see
# compare.py for the options.
#   benchmarks/peers/compare.sh [--rounds 3] [--threads 2] [--only perplexity,choices,cell]
# PEERS=DIR keeps the environment in DIR and uses it again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=${PEERS:-$(mktemp -d)}
[ -n "${PEERS:-}" ] || trap 'rm -rf "$place"' EXIT
if [ ! -x "$place/bin/lm_eval" ]; then
  python3 -m venv "$place"
  "$place/bin/pip" install -q torch==2.11.0 transformers==4.57.6 lm-eval==0.4.9.1 \
    gguf sentencepiece protobuf
fi
"$here/../../bench" build >&2
model=${BENCH_CACHE:-$HOME/.cache/prunebench}/models/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf
if [ -f "$model" ]; then set -- --smollm2 "$model" "$@"; fi
"$place/bin/python" "$here/compare.py" "$@"
