#!/usr/bin/env bash
# The tests of the browser page. Needs Node.js, npm and Chromium (CHROMIUM says where, if it is
# not /usr/bin/chromium). Arguments go to Node's test runner.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ -d client/node_modules ] || npm ci --ignore-scripts --prefix client
cargo build --workspace --all-features --examples --bins
node --test --test-concurrency=2 "$@" tests/browser/{protocols,looks,editor,page,feed}.test.mjs
# What measures time has the machine for itself.
node --test "$@" tests/browser/speed.test.mjs
