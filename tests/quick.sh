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

# A test program is a file in a directory `tests`, or a directory there that has a `main.rs`.
program_of() {
    local file=$1
    [ "$(basename "$file")" != main.rs ] || file=$(dirname "$file")
    basename "$file" .rs
}

# programs_with <file below tests/>: those that it is a part of.
programs_with() {
    local directory name user
    directory=$(dirname "$1") name=$(basename "$1")
    case $1 in
    tests/ui/ui.rs) echo ui && return ;;
    tests/*.sh | tests/*/src/*) return ;;
    esac
    [ "$(basename "$directory")" != tests ] || { program_of "$name" && return; }
    while [ "$directory" != tests ]; do
        [ ! -e "$directory/main.rs" ] || { program_of "$directory/main.rs" && return; }
        directory=$(dirname "$directory")
    done
    # A module that programs share, by itself or with others of its directory.
    directory=$(basename "$(dirname "$1")")
    while read -r user; do program_of "$user"; done < <(
        grep -rlE "^(mod $directory;|#\[path = \"(([^\"]*/)?$directory/[^\"]*|[./]*$name)\")" \
            --include '*.rs' tests
    )
}

# The test programs that changed.
tests=()
while read -r file; do
    [[ $file != tests/* || ! -e $file ]] || mapfile -t -O ${#tests[@]} tests < <(programs_with "$file")
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
