#!/usr/bin/env bash
# What to run while at work: formatting, lints of the libraries, the programs and the tests that
# changed since `main`, unit tests, and what the derive says to mistakes. `tests/run.sh` is the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The features of `tests/run.sh`, so that both share what is built.
everything=(--workspace --all-features)

changed() {
    git diff --name-only "$(git merge-base HEAD main 2>/dev/null || echo HEAD)"
    git ls-files --others --exclude-standard
}

# The test programs that changed, and those of which a module did.
tests=()
while read -r file; do
    [ -e "$file" ] || continue
    case $file in
    tests/*/tests/*/*) tests+=("$(cut -d / -f 4 <<<"$file")") ;;
    tests/*/tests/*.rs) tests+=("$(basename "$file" .rs)") ;;
    tests/ui/ui.rs) tests+=(ui) ;;
    tests/*/*.rs)
        module=$(cut -d / -f 2 <<<"$file")
        while read -r user; do tests+=("$(basename "$user" .rs)"); done < <(
            grep -lE "^(mod $module;|#\[path = \"(../../)?$module/)" tests/*.rs tests/*/tests/*.rs
        )
        ;;
    tests/*.rs) tests+=("$(basename "$file" .rs)") ;;
    esac
done < <(changed | sort -u)
mapfile -t tests < <(printf '%s\n' "${tests[@]}" | sort -u | sed '/^$/d; s/^/--test=/')

step() {
    local started=$SECONDS
    printf '\n=== %s\n' "$*"
    "$@"
    printf -- '--- %ss\n' $((SECONDS - started))
}

step cargo fmt --all --check
# In the profile `test` clippy sees the unit tests of a library, too.
step cargo clippy "${everything[@]}" --profile test --lib --bins --examples "${tests[@]}" -- -D warnings
step cargo test "${everything[@]}" --quiet --lib
step cargo test "${everything[@]}" --quiet --test ui
printf '\nquick checks passed in %s seconds; ./tests/run.sh is the rest\n' "$SECONDS"
