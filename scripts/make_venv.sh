#!/bin/sh
# Make a virtual environment with the pinned dependencies: make_venv.sh run|tools FOLDER [PYTHON]
# `run`: what the stack needs; `tools`: also what tests and checks need. Safe to repeat. One clear line when the
# machine lacks something.
# `make_venv.sh moved FOLDER` says `yes` of an environment whose programs point to where it once was.
set -eu

what=$1
venv=$2
python=${3:-}

moved() {
    case $venv in /*) place=$venv ;; *) place=$(pwd -P)/$venv ;; esac
    [ -e "$venv/bin/signalbox" ] && ! grep -qF "$place/bin/python" "$venv/bin/signalbox"
}
if [ "$what" = moved ]; then
    if moved; then echo yes; fi
    exit 0
fi

fail() {
    echo "signalbox: $*" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -z "$python" ]; then
    for candidate in python3 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null && new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "Python 3.11 or newer is needed; $(python3 --version 2>/dev/null || echo none) is what is here." \
        "Install one, or name it: make PYTHON=/path/to/python3.11"
fi
new_enough "$python" || fail "Python 3.11 or newer is needed; $python is $("$python" --version 2>&1 || true)"

# An environment that was moved, or whose Python is gone or too old, is made anew.
if moved || [ -e "$venv" ] && ! { new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
    rm -rf "$venv"
fi
if [ ! -e "$venv" ]; then
    # Some distributions ship Python without ensurepip; an installed pip can fill the environment as well.
    if ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        rm -rf "$venv"
        "$python" -m venv --without-pip "$venv" && "$python" -m pip --python "$venv/bin/python" install --quiet pip ||
            { rm -rf "$venv"; fail "$python cannot make virtual environments; install its venv package (Debian, Ubuntu: apt install python3-venv)"; }
    fi
fi

# Where pip installs is said here, whatever somebody's settings say; a file of settings cannot be talked over.
pip() {
    env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 PIP_REQUIRE_HASHES=0 \
        "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"
}
elsewhere=$("$venv/bin/python" -m pip config list | grep -E '^(global|install)\.(target|prefix|root)=' | cut -d= -f1 | tr '\n' ' ' || true)
[ -z "$elsewhere" ] || fail "pip's settings ($elsewhere, see: pip config debug) install into another folder;" \
    "take them out, or leave them out this once: PIP_CONFIG_FILE=/dev/null make"
wanted=$venv/requirements.txt
if [ "$what" = tools ]; then
    cp requirements.lock "$wanted"
else
    sed '/^# To develop/,$d' requirements.lock >"$wanted"
fi
# Only a fifth of the modules is ever used, and compiling all takes as long as installing: see the last line.
pip install --no-compile --requirement "$wanted"
# setuptools is pinned with the rest, so nothing is fetched to build with.
pip install --no-compile --no-deps --no-build-isolation --editable .
# Compile what every process imports, once, also where the environment says that Python must keep no compiled files.
env -u PYTHONDONTWRITEBYTECODE "$venv/bin/python" -c "import scheduler_defs.definitions, scheduler_defs.execution.worker.celery_app
import celery.bin.celery, dagster._daemon.cli, scheduler_defs.web.__main__, scheduler_defs.stack.supervising.supervisor" >/dev/null
