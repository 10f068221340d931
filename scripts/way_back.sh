#!/bin/sh
# Does the release before still read and write on today's tables? Its code and its tests, over the migrations of today.
#     scripts/way_back.sh PYTHON [PYTEST ARGUMENTS]
set -eu
# The last commit of 0.1.0 (see CHANGELOG.md).
RELEASE=1ca086b12f140d687c1cdddd8bb6ab871844b6b3
TESTS="tests/unit/task_queue/test_postgres.py tests/unit/task_queue/test_conformance.py"
cd "$(dirname "$0")/.."
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
if ! git cat-file -e "$RELEASE^{tree}" 2>/dev/null; then
    echo "way back: skipped, the history of this checkout does not reach the release before"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive "$RELEASE" | tar -x -C "$folder"
versions=scheduler_defs/database/migrations/versions
rm -f "$folder/$versions"/*.py
# In one folder, where that release looks for them.
find "$versions" -name '0*.py' -exec cp {} "$folder/$versions/" \;
cd "$folder"
# The environment is today's; what is imported is the folder's.
PYTHONPATH=$folder "$python" -m pytest -q -p no:cacheprovider -k "not tinytask" "$@" $TESTS
