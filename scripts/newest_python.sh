#!/bin/sh
# The unit tests on the newest Python of this machine: newest_python.sh [ARGUMENTS OF PYTEST]
# The environment is .venv-newest; PYTHON names another interpreter.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-newest

works() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=${PYTHON:-}
for version in 3.15 3.14 3.13 3.12 3.11; do
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version."*"/bin/python$version"; do
        [ -n "$python" ] || ! works "$candidate" || python=$candidate
    done
done
[ -n "$python" ] || { echo "signalbox: no Python 3.11 or newer here; name one: make newest PYTHON=/path/to/python" >&2; exit 1; }
echo "the unit tests on $("$python" --version 2>&1)"
[ -e "$venv/.tools" ] && [ "$venv/.tools" -nt requirements.lock ] || { sh scripts/make_venv.sh tools "$venv" "$python"; touch "$venv/.tools"; }
exec "$venv/bin/python" -m pytest --numprocesses 3 tests/unit "$@"
