#!/usr/bin/env bash
# What graphex costs to compile. Only the crate itself is timed, its dependencies are built beforehand.
# The runs alternate, so that a busy machine slows all; medians are compared.
#
# * Models: a crate of 100 models with graphex's `ModelType` against the same crate with async-graphql's
#   `SimpleObject`, compiled anew.
# * Statements: a crate of 30 models and 30 inserts with `.broadcast()` against the same with Diesel's
#   `returning`, and against that without `ModelType`, checked after a line of one insert has changed.
#
# benches/compile.sh [models] [runs] [statements]
#     exits with 1 when the models take longer than `SimpleObject`, or `.broadcast()` 1.3 times as long as
#     `returning` on the same models
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

models=${1:-100} runs=${2:-7} statements=${3:-30}
root=$PWD
bench=$root/target/compile-bench
# Of the models, incremental compilation would time the cache.
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$bench/target CARGO_TERM_QUIET=true
TIMEFORMAT='%R %U %S'

# package <name> <dependency lines>: its manifest
package() {
    local name=$1 dependency=$2
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
    # The versions of the workspace, so that all crates compile against the same dependencies.
    cp "$root/Cargo.lock" "$bench/$name/Cargo.lock"
}

# crate_of_models <name> <dependency line> <derive> <attribute of model $n>
crate_of_models() {
    local name=$1 dependency=$2 derive=$3 attribute=$4
    package "$name" "$dependency"
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

crate_of_models model_type "graphex = { path = \"$root\" }" graphex::ModelType \
    'graphex(stream = "model_$n", serialize_data)'
crate_of_models simple_object 'async-graphql = { version = "7.2", default-features = false }' \
    async_graphql::SimpleObject ''

# run <crate> <command>: seconds of wall clock, and of processor
run() {
    touch "$bench/$1/src/lib.rs"
    { time (cd "$bench/$1" && cargo "$2" --offline); } 2>&1 | tail -n 1 | awk '{print $1, $2 + $3}'
}

# crate_of_statements <name> <dependency lines> <use> <further derive> <how an insert returns its row>
crate_of_statements() {
    local name=$1 dependencies=$2 use=$3 derive=$4 returns=$5 n
    package "$name" "$dependencies"
    {
        printf 'use diesel::prelude::*;\n%s\n' "$use"
        for ((n = 1; n <= statements; n++)); do
            cat <<RUST

diesel::table! { table$n (id) { id -> BigInt, tenant -> BigInt, room -> Nullable<BigInt>, text -> Text, pinned -> Bool, } }

#[derive(Queryable, Selectable$derive)]
#[diesel(table_name = table$n)]
$([ -z "$derive" ] || printf '#[graphex(stream = "stream_%s", serialize_data)]' "$n")
pub struct Model$n {
    pub id: i64,
    pub tenant: i64,
    pub room: Option<i64>,
    pub text: String,
    pub pinned: bool,
}

pub fn insert$n(conn: &mut SqliteConnection, tenant: i64, text: &str) -> QueryResult<Model$n> {
    diesel::insert_into(table$n::table)
        .values((table$n::tenant.eq(tenant), table$n::text.eq(text), table$n::pinned.eq(false)))
        ${returns//\$n/$n}
        .get_result(conn)
}
RUST
        done
    } >"$bench/$name/src/lib.rs"
}

diesel='diesel = { version = "2.3", default-features = false, features = ["sqlite", "returning_clauses_for_sqlite_3_35"] }'
graphex="graphex = { path = \"$root\" }"
crate_of_statements broadcast "$diesel"$'\n'"$graphex" 'use graphex::prelude::*;' ', ModelType' '.broadcast()'
crate_of_statements derived "$diesel"$'\n'"$graphex" 'use graphex::prelude::*;' ', ModelType' \
    '.returning(Model$n::as_returning())'
crate_of_statements returning "$diesel" '' '' '.returning(Model$n::as_returning())'

# change <crate> <run>: a line in the middle of it
change() {
    local middle=$((statements / 2 + 1))
    sed -i "/fn insert$middle(/,/^}/ s/pinned.eq([^)]*)/pinned.eq(tenant == $2)/" "$bench/$1/src/lib.rs"
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

export CARGO_INCREMENTAL=1
for name in broadcast derived returning; do
    (cd "$bench/$name" && CARGO_TERM_QUIET=false cargo check)
done
rm -f "$bench"/times.*
for ((i = 0; i < runs; i++)); do
    for name in broadcast derived returning; do
        change "$name" "$i"
        run "$name" check >>"$bench/times.$name"
    done
done
for name in broadcast derived returning; do
    for column in 1 2; do
        cut -d' ' -f$column "$bench/times.$name" | median >"$bench/median.$name.$column"
    done
done
printf '\n%s models and inserts, incremental `cargo check`, median of %s runs, seconds (wall clock / processor)\n\n' \
    "$statements" "$runs"
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / b}'; }
read -r models <"$bench/median.derived.1"
read -r diesel <"$bench/median.returning.1"
printf '%-30s %14s %12s %12s\n' '' '' 'to models' 'to Diesel'
while read -r name title; do
    read -r took <"$bench/median.$name.1"
    read -r cpu <"$bench/median.$name.2"
    printf '%-30s %7.2f /%5.2f %12s %12s\n' "$title" "$took" "$cpu" "$(ratio "$took" "$models")" \
        "$(ratio "$took" "$diesel")"
done <<'TITLES'
broadcast models, broadcast
derived models, returning
returning Diesel alone, returning
TITLES
read -r took <"$bench/median.broadcast.1"
awk -v a="$took" -v b="$models" 'BEGIN {exit a > 1.3 * b}' || failed=1
exit $failed
