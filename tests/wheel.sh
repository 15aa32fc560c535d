#!/usr/bin/env bash
# The wheel, installed in a bare venv outside the checkout, serves and plays from an empty folder. Needs `build` nowhere: pip builds it.
set -euo pipefail
here="$(cd "$(dirname "$0")/.." && pwd)"
work="${1:-$(mktemp -d)}"
python3 -m venv "$work/bare"
"$work/bare/bin/pip" wheel -q --no-deps --wheel-dir "$work/wheel" "$here"
wheel="$(ls "$work"/wheel/holdsvc-*.whl)"
size="$(stat -c %s "$wheel")"
echo "wheel: $((size / 1024)) kB"
test "$size" -lt $((40 * 1024 * 1024)) # media and settings in it, unpacked, are weighed in tests/media/test_shelf.py
"$work/bare/bin/pip" install -q "$wheel"
mkdir -p "$work/elsewhere/data"
cd "$work/elsewhere"
"$work/bare/bin/python" "$here/tests/wheel_plays.py" "$work/bare/bin/holdsvc" "$work/elsewhere/data"
