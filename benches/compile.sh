#!/usr/bin/env bash
# What a model costs to compile: a crate of 100 models with graphex's `ModelType` against the same
# crate with async-graphql's `SimpleObject`. Only the crate itself is timed, its dependencies are
# built beforehand. The runs alternate, so that a busy machine slows both; medians are compared.
#
# benches/compile.sh [models] [runs]     exits with 1 when graphex takes longer
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

models=${1:-100} runs=${2:-7}
root=$PWD
bench=$root/target/compile-bench
# Incremental compilation would time the cache.
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$bench/target CARGO_TERM_QUIET=true
TIMEFORMAT='%R %U %S'

# crate <name> <dependency line> <derive> <attribute of model $n>
crate() {
    local name=$1 dependency=$2 derive=$3 attribute=$4
    mkdir -p "$bench/$name/src"
    cat >"$bench/$name/Cargo.toml" <<TOML
[package]
name = "bench-$name"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
$dependency
TOML
    # The versions of the workspace, so that both crates compile against the same async-graphql.
    cp "$root/Cargo.lock" "$bench/$name/Cargo.lock"
    {
        echo "use $derive;"
        for ((n = 1; n <= models; n++)); do
            echo
            echo "#[derive(${derive##*::})]"
            [ -z "$attribute" ] || echo "#[${attribute//\$n/$n}]"
            echo "pub struct Model$n {"
            echo "    pub id: i64,"
            echo "    pub tenant: i64,"
            echo "    pub room: Option<i64>,"
            echo "    pub text: String,"
            echo "    pub pinned: bool,"
            echo "}"
        done
    } >"$bench/$name/src/lib.rs"
}

crate model_type "graphex = { path = \"$root\" }" graphex::ModelType \
    'graphex(stream = "model_$n", serialize_data)'
crate simple_object 'async-graphql = { version = "7.2", default-features = false }' \
    async_graphql::SimpleObject ''

# run <crate> <command>: seconds of wall clock, and of processor
run() {
    touch "$bench/$1/src/lib.rs"
    { time (cd "$bench/$1" && cargo "$2" --offline); } 2>&1 | tail -n 1 | awk '{print $1, $2 + $3}'
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

for command in check build; do
    for name in model_type simple_object; do
        # Loud, and once more than needed: a crate that does not compile must not be timed.
        (cd "$bench/$name" && CARGO_TERM_QUIET=false cargo "$command")
    done
done

failed=0
printf '\n%s models, median of %s runs, seconds (wall clock / processor)\n\n' "$models" "$runs"
printf '%-14s %14s %14s %7s\n' '' ModelType SimpleObject ratio
for command in check build; do
    rm -f "$bench"/times.*
    for ((i = 0; i < runs; i++)); do
        for name in model_type simple_object; do
            run "$name" "$command" >>"$bench/times.$name"
        done
    done
    for column in 1 2; do
        for name in model_type simple_object; do
            cut -d' ' -f$column "$bench/times.$name" | median >"$bench/median.$name.$column"
        done
    done
    read -r a <"$bench/median.model_type.1"
    read -r b <"$bench/median.simple_object.1"
    read -r a_cpu <"$bench/median.model_type.2"
    read -r b_cpu <"$bench/median.simple_object.2"
    printf '%-14s %7.2f /%5.2f %7.2f /%5.2f %7s\n' "cargo $command" "$a" "$a_cpu" "$b" "$b_cpu" \
        "$(awk -v a="$a" -v b="$b" 'BEGIN {printf "%.2f", a / b}')"
    awk -v a="$a" -v b="$b" 'BEGIN {exit a > b}' || failed=1
done
exit $failed
