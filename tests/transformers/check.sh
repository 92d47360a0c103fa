#!/bin/sh
# Exports of one model per family, uniform and padded, load in transformers and give our logits
# (1e-4). Installs transformers into a throw-away environment (about 3 GB); PEERS=DIR keeps it
# there, the one of benchmarks/peers/compare.sh serves too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=${PEERS:-$(mktemp -d)}
work=$(mktemp -d)
trap 'rm -rf "$work"; [ -n "${PEERS:-}" ] || rm -rf "$place"' EXIT
if [ ! -x "$place/bin/python" ] || ! "$place/bin/python" -c 'import transformers' 2>/dev/null; then
  python3 -m venv "$place"
  "$place/bin/pip" install -q torch==2.11.0 transformers==4.57.6 sentencepiece protobuf
fi
"$place/bin/python" "$here/check.py" "$here/../../bench" "$here/trials.yaml" "$work"
