#!/usr/bin/env bash
# The tests of the browser page. Needs Node.js, npm and Chromium, with windows or without (CHROMIUM says
# where, if it is not in /usr/bin). Arguments go to Node's test runner.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ -d client/node_modules ] || npm ci --ignore-scripts --prefix client
cargo build --workspace --all-features --examples --bins
# They wait more than they work. What measures time has the machine for itself.
shopt -s extglob
node --test --test-concurrency=3 "$@" tests/browser/!(speed).test.mjs
node --test "$@" tests/browser/speed.test.mjs
