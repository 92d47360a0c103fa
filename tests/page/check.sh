#!/usr/bin/env bash
# The leaderboard page in a real browser: keyboard, address, panel, copy, contrast and names by axe's
# rules, no message in the console, hostile names, times. Leaves pictures of each view.
#
#   tests/page/check.sh [DATABASE [FOLDER]]
#
# Without a database it runs a small sweep first. FOLDER (default: out/page) holds the page and the
# pictures. Needs Chromium (Debian: chromium); playwright and axe come from PyPI into a throw-away
# environment. Where one of them is not to be had, it says so and ends with 77 (skipped).
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
db=${1:-}
folder=${2:-$here/out/page}
bench=$here/build/bin/bench
mkdir -p "$folder"
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
[ -n "$browser" ] || { echo "skipped: there is no Chromium here (apt-get install chromium)"; exit 77; }
venv=$(mktemp -d)
trap 'rm -rf "$venv"' EXIT
python3 -m venv "$venv" && "$venv/bin/pip" install -q playwright axe-playwright-python ||
  { echo "skipped: playwright cannot be installed from PyPI"; exit 77; }
if [ -z "$db" ]; then
  db=$folder/page.db
  rm -f "$db"
  "$bench" run "$here/configs/llama_sweep.yaml" model=stories260k --db "$db" --no-report
fi
"$bench" leaderboard --db "$db" --out "$folder/page.html"
"$venv/bin/python" "$here/tests/page/check.py" "$browser" "$folder/page.html" "$folder"
