#!/usr/bin/env bash
# What to run before a version is published, beside ./tests/run.sh --long: that all of it is committed and in
# the changelog, and that the version number says what has changed since the last release.
#
#     ./tests/release.sh             compares with the newest tag `v…`
#     ./tests/release.sh <commit>    compares with this commit
#
# Installs `cargo-semver-checks` where it is missing, which takes ten minutes on two cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    printf 'tests/release.sh: %s\n' "$*" >&2
    exit 1
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
before=${1:-$(git tag --list 'v*' --sort=-version:refname | head -n 1)}

[ -z "$(git status --porcelain)" ] || fail 'there are changes that are not committed'
[ "$before" != "v$version" ] || fail "v$version is released: Cargo.toml needs the next version"
grep -qF "## [$version]" CHANGELOG.md || fail "CHANGELOG.md has no section [$version]"
[ -n "$before" ] || fail 'there is no tag of a release to compare with: name a commit'

command -v cargo-semver-checks >/dev/null || cargo install --locked cargo-semver-checks
# A crate of macros has no library to compare; tests/surface/names.txt has its derives.
for crate in graphex-runtime graphex; do
    cargo semver-checks --package "$crate" --all-features --baseline-rev "$before"
done
printf 'the version %s says what has changed since %s\n' "$version" "$before"
