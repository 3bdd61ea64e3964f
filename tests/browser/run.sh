#!/usr/bin/env bash
# The tests of the browser page, or those of them that are named (`run.sh editor feed`). Needs Node.js,
# npm and Chromium (CHROMIUM says where, if it is not /usr/bin/chromium).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ -d client/node_modules ] || npm ci --ignore-scripts --prefix client
cargo build --workspace --all-features --examples --bins
run() {
    local files=("${@/#/tests/browser/}")
    node --test --test-concurrency=2 "${files[@]/%/.test.mjs}"
}
if [ $# != 0 ]; then
    run "$@"
else
    run protocols looks editor page feed
    # What measures time has the machine for itself.
    run speed
fi
