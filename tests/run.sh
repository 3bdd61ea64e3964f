#!/usr/bin/env bash
# Every check of the project, from formatting to PostgreSQL, Redis and the browser. It stops at the
# first failure, and ends with a table of its steps, the slowest first.
#
#     ./tests/run.sh           random proofs of some thousand steps, benches unoptimised
#     ./tests/run.sh --long    proofs ten times as long, benches as the README gives their figures
#
# Needs Rust with clippy and rustfmt, a C compiler (for the bundled SQLite), PostgreSQL's
# server and client library, Redis, OpenSSL, nginx, HAProxy, Caddy, Python, and Node.js, npm and Chromium for the
# browser page. As root on Debian or Ubuntu it installs what is missing, Rust apart; otherwise it says what to
# install, all at once and before anything is built.
#
# Dependencies are built once, and once more for clippy: all that can be is built with the features
# of `--workspace --all-features`. What is about other features says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

crates=(--package graphex-macros --package graphex-runtime --package graphex)
target=${CARGO_TARGET_DIR:-$PWD/target}
everything=(--workspace --all-features)
# Built beside others, so that these take the dependencies that are built already.
dependencies=(--package graphex-dependencies)
# Examples with a package of their own.
example_packages=(--package graphex-any-writer-example --package graphex-cluster-example --package graphex-messenger-example)

long=
case "$*" in
'') ;;
--long) long=yes ;;
*)
    printf 'usage: tests/run.sh [--long]\n' >&2
    exit 2
    ;;
esac
# How far the random proofs go: `tests/proof`.
proof=1
[ -z "$long" ] || proof=10
export GRAPHEX_PROOF=${GRAPHEX_PROOF:-$proof}
# How often unit tests with `proptest` try; its own default is 256.
[ -z "$long" ] || export PROPTEST_CASES=${PROPTEST_CASES:-2560}

fail() {
    printf '\ntests/run.sh: %s\n' "$*" >&2
    exit 1
}

# read_worked: $worked is how many processor seconds went into what has ended. Not in a subshell, which
# has its own.
read_worked() {
    times >"$tested.times"
    worked=$(awk 'NR == 2 { gsub("s", ""); split($1, own, "m"); split($2, os, "m")
                            printf "%d", 60 * (own[1] + os[1]) + own[2] + os[2] }' "$tested.times")
}

# step <title> <command...>
current=
steps=()
step() {
    local started=$SECONDS worked before
    # Where an expansion fails bash leaves the function that it is in and goes on after the step.
    [ -z "$current" ] || fail "not done to its end: $current"
    read_worked
    before=$worked
    current=$1
    shift
    printf '\n=== %s\n    %s\n' "$current" "$*"
    # Not `|| fail`: that would turn `set -e` off inside of functions. `finish` speaks instead.
    "$@"
    read_worked
    steps+=("$((SECONDS - started)) $((worked - before)) $current")
    printf -- '--- %s: %ss, %ss of processors\n' "$current" $((SECONDS - started)) $((worked - before))
    current=
}

# What `cargo test` said, for the table.
tested=$(mktemp)

# lane <command...>: beside others, as soon as fewer than `$wide` run, with what it says kept until
# `join_lanes`.
wide=2
lanes=()
lane() {
    local said
    while [ "$(jobs -pr | wc -l)" -ge "$wide" ]; do sleep 0.1; done
    said=$(mktemp "$target/lane.XXXXXX")
    # The table gets it from `join_lanes`.
    tested=/dev/null "$@" >"$said" 2>&1 &
    lanes+=("$! $said")
}

join_lanes() {
    local one pid said failed=
    for one in "${lanes[@]}"; do
        read -r pid said <<<"$one"
        wait "$pid" || failed=yes
        tee -a "$tested" <"$said"
        rm "$said"
    done
    lanes=()
    [ -z "$failed" ]
}

# test_with <arguments of cargo test...>
test_with() {
    cargo test "$@" 2>&1 | tee -a "$tested"
}

# test_of <modules> <arguments of cargo test...>: the tests of these modules, of which each has to have some.
test_of() {
    local modules module said
    read -ra modules <<<"$1"
    shift
    said=$(mktemp "$target/tests.XXXXXX")
    test_with "$@" -- "${modules[@]/%/::}" | tee "$said"
    for module in "${modules[@]}"; do
        grep -q "^test $module::.* ok$" "$said" || fail "no test of \`$module\` ran"
    done
    rm "$said"
}

# The names of all test programs.
programs() {
    cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys
for package in json.load(sys.stdin)["packages"]:
    for target in package["targets"]:
        if "test" in target["kind"]:
            print(target["name"])' | sort -u
}

# What these measure is time. The first hardly work themselves and run beside each other.
timed=(outages proxies outages_cluster)
timed_alone=(drain)
# These wait for a window in which a server lets its clients go, a client's own pause, or a poll.
waiting=(resuming cluster_example chat_log lists messenger change_log_postgres change_log_crash redis_layer)
# The longest first, so that none is waited for at the end.
working=(ui memory oracle positions_postgres soak positions subscriptions protocols capture_postgres)

test_waiting() {
    local program
    for program in "${waiting[@]}"; do
        cargo test "${everything[@]}" --test "$program" || return 1
    done
}

# All test programs and examples of the documentation, two at a time, and beside them those that wait; with
# three at a time that work, what has a window of time misses it.
test_everything() {
    local program others wide=3
    mapfile -t others < <(programs |
        grep -vxF "$(printf '%s\n' "${timed[@]}" "${timed_alone[@]}" "${waiting[@]}" "${working[@]}")")
    [ ${#others[@]} -gt 20 ] || fail 'the test programs are not to be found'
    lane test_waiting
    for program in "${working[@]}"; do
        lane cargo test "${everything[@]}" --test "$program"
    done
    lane test_processes 2+1
    lane test_processes 1+3
    lane cargo test "${everything[@]}" --lib --bins --examples "${others[@]/#/--test=}"
    lane cargo test "${everything[@]}" --doc
    # Last: while it builds no other cargo can start.
    lane test_without_features
    join_lanes
}

test_times() {
    local program
    for program in "${timed[@]}"; do
        lane cargo test "${everything[@]}" --test "$program"
    done
    join_lanes
    test_with "${everything[@]}" "${timed_alone[@]/#/--test=}"
}

table() {
    printf '\nseconds, processor seconds, step\n'
    printf '%s\n' "${steps[@]}" | sort -rn | sed 's/^\([0-9]*\) \([0-9]*\) /\1\t\2\t/'
    printf '\nseconds, test program (those of 3 s and more)\n'
    awk '/^ +Running /    { name = $NF; gsub(/.*\/|-[0-9a-f]+\)$/, "", name) }
         /^ +Doc-tests /  { name = "examples of " $2 }
         /^test result: / { sub(/s$/, "", $NF); if ($NF + 0 >= 3) printf "%d\t%s\n", $NF, name }' "$tested" | sort -rn
    awk '/^test result: / { runs += 1; passed += $4; failed += $6; ignored += $8 }
         END { printf "\n%d tests passed, %d failed, %d ignored, in %d runs of test programs\n",
               passed, failed, ignored, runs }' "$tested"
}

data= redis_data=
finish() {
    local status=$?
    stop_postgres
    stop_redis
    rm -f "$tested" "$tested.times"
    [ -z "$current" ] || printf '\ntests/run.sh: failed at: %s\n' "$current" >&2
    exit "$status"
}
trap finish EXIT

# ---------------------------------------------------------------- what has to be there

is_root() { [ "$(id -u)" = 0 ]; }

has_cargo() { command -v cargo >/dev/null; }
has_clippy() { cargo clippy --version >/dev/null 2>&1; }
has_rustfmt() { cargo fmt --version >/dev/null 2>&1; }
has_compiler() { command -v cc >/dev/null; }
# Whether a program links with it; `pg_config` may be there without it.
has_libpq() {
    local lib=${PQ_LIB_DIR:-$(pg_config --libdir 2>/dev/null || true)}
    echo 'int main(void) { return 0; }' | cc -x c - ${lib:+-L"$lib"} -lpq -o /dev/null 2>/dev/null
}

# Debian keeps the server's programs out of PATH.
postgres_bin() {
    local initdb
    initdb=$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)
    [ -n "$initdb" ] && dirname "$(readlink -f "$initdb")"
}
has_postgres() { postgres_bin >/dev/null; }
has_sqlite_shell() { command -v sqlite3 >/dev/null; }
has_redis() { command -v redis-server >/dev/null; }
has_redis_tools() { command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null; }
# Debian keeps them where only root looks.
has_nginx() { PATH=$PATH:/usr/sbin command -v nginx >/dev/null; }
has_haproxy() { PATH=$PATH:/usr/sbin command -v haproxy >/dev/null; }
has_caddy() { command -v caddy >/dev/null; }
has_openssl() { command -v openssl >/dev/null; }
has_node() { command -v node >/dev/null; }
has_npm() { command -v npm >/dev/null; }
has_python() { python3 -c 'import ensurepip, venv' 2>/dev/null; }
# The same as the tests take: without windows of its own it takes half of the processor's time.
has_chromium() { [ -x "${CHROMIUM:-$(ls /usr/bin/chromium-headless-shell /usr/bin/chromium 2>/dev/null | head -n 1)}" ]; }

# unless <test> <what is missing>
unless() { "$1" || missing+=("$2"); }

# What only a person can install, then the names of Debian packages.
look_for_rust() {
    missing=()
    unless has_cargo 'Rust (https://rustup.rs)'
    unless has_clippy 'clippy (rustup component add clippy)'
    unless has_rustfmt 'rustfmt (rustup component add rustfmt)'
}
look_for_packages() {
    missing=()
    unless has_compiler gcc
    unless has_libpq libpq-dev
    unless has_postgres postgresql
    unless has_sqlite_shell sqlite3
    unless has_redis redis-server
    unless has_redis_tools redis-tools
    unless has_openssl openssl
    unless has_nginx nginx
    unless has_haproxy haproxy
    unless has_caddy caddy
    unless has_node nodejs
    unless has_npm npm
    unless has_python python3-venv
    unless has_chromium chromium-headless-shell
}

install_tools() {
    local without=()
    look_for_rust
    without=("${missing[@]}")
    look_for_packages
    if [ ${#missing[@]} != 0 ] && [ ${#without[@]} = 0 ] && is_root && command -v apt-get >/dev/null; then
        printf 'installing %s\n' "${missing[*]}"
        apt-get update -qq || printf 'apt-get update failed\n'
        # Not every distribution has it apart from the browser.
        apt-cache show chromium-headless-shell >/dev/null 2>&1 || missing=("${missing[@]/%-headless-shell/}")
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" ||
            printf 'apt-get failed\n'
        look_for_packages
    fi
    without+=("${missing[@]}")
    [ ${#without[@]} = 0 ] || {
        printf '    %s\n' "${without[@]}" >&2
        fail 'the above is missing (packages by their names on Debian): install it, or run this as root'
    }
}

# ---------------------------------------------------------------- a PostgreSQL of its own

# PostgreSQL refuses to run as root.
as_postgres() {
    if is_root; then
        (cd "$data" && runuser -u postgres -- "$@")
    else
        (cd "$data" && "$@")
    fi
}

stop_postgres() {
    [ -n "$data" ] || return 0
    as_postgres "$bin/pg_ctl" stop --pgdata "$data/db" --mode immediate >/dev/null 2>&1 || true
    rm -rf "$data"
}

# A directory that the server's user can reach: below target/ if it can be.
make_data_directory() {
    mkdir -p "$target"
    data=$(mktemp -d "$target/postgres.XXXXXX")
    is_root || return 0
    chown postgres "$data"
    runuser -u postgres -- test -w "$data" 2>/dev/null && return
    rm -rf "$data"
    data=$(mktemp -d)
    chown postgres "$data"
}

start_postgres() {
    local attempt port
    bin=$(postgres_bin)
    make_data_directory
    as_postgres "$bin/initdb" --pgdata "$data/db" --username tester --auth trust \
        --encoding UTF8 --locale C --no-sync >"$data/log" 2>&1 ||
        { cat "$data/log"; return 1; }
    # Another program may take the port first, so try a few.
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        if as_postgres "$bin/pg_ctl" start --pgdata "$data/db" --wait --silent --log "$data/db/log" \
            --options "-h 127.0.0.1 -p $port -c unix_socket_directories= -c fsync=off -c max_prepared_transactions=20"; then
            export GRAPHEX_POSTGRES_URL=postgres://tester@127.0.0.1:$port/postgres
            printf 'PostgreSQL listens on port %s\n' "$port"
            return
        fi
    done
    cat "$data/db/log"
    return 1
}

# ---------------------------------------------------------------- a Redis and a cluster of its own

redis_pids=()
stop_redis() {
    [ -n "$redis_data" ] || return 0
    [ ${#redis_pids[@]} = 0 ] || kill -9 "${redis_pids[@]}" 2>/dev/null || true
    rm -rf "$redis_data"
}

answers() { [ "$(redis-cli -p "$1" ping 2>/dev/null)" = PONG ]; }

# start_redis_server <options...>: on a free port, which is then in $redis_port.
start_redis_server() {
    local attempt directory pid tries
    for attempt in 1 2 3 4 5; do
        # A cluster has a second port, 10,000 above.
        redis_port=$((20000 + RANDOM % 20000))
        directory=$redis_data/$redis_port
        mkdir -p "$directory"
        redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no \
            --dir "$directory" "$@" >"$directory/log" 2>&1 &
        pid=$!
        # The shell says nothing when it is killed.
        disown "$pid"
        for tries in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            if answers "$redis_port"; then
                redis_pids+=("$pid")
                return
            fi
            sleep 0.1
        done
        kill -9 "$pid" 2>/dev/null || true
    done
    cat "$directory/log"
    return 1
}

start_redis() {
    local node tries urls=() servers=()
    mkdir -p "$target"
    redis_data=$(mktemp -d "$target/redis.XXXXXX")
    start_redis_server
    export GRAPHEX_REDIS_URL=redis://127.0.0.1:$redis_port/
    for node in 1 2 3; do
        start_redis_server --cluster-enabled yes
        urls+=("redis://127.0.0.1:$redis_port/")
        servers+=("127.0.0.1:$redis_port")
    done
    redis-cli --cluster create "${servers[@]}" --cluster-yes >/dev/null
    for tries in $(seq 100); do
        [ "$(for server in "${servers[@]}"; do
            redis-cli -p "${server#*:}" cluster info
        done | grep -c cluster_state:ok)" = 3 ] && break
        sleep 0.1
    done
    GRAPHEX_REDIS_CLUSTER_URLS=$(IFS=,; printf '%s' "${urls[*]}")
    export GRAPHEX_REDIS_CLUSTER_URLS
    printf 'Redis: %s, a cluster: %s\n' "$GRAPHEX_REDIS_URL" "$GRAPHEX_REDIS_CLUSTER_URLS"
}

# ---------------------------------------------------------------- checks that are not one command

documentation() {
    # With the example, and so with the features of the dev-dependencies, as clippy checks them.
    RUSTDOCFLAGS='-D warnings' cargo doc "${everything[@]}" --no-deps --lib --examples
}

# What a user can name is in a committed file: a change of it is seen when it is made.
public_names() {
    local crate names=$target/names.txt
    # Where the documentation for people is not: with other flags each would take the place of the other.
    second_target
    CARGO_TARGET_DIR=$target/second RUSTDOC=$PWD/tests/surface/rustdoc.sh \
        RUSTDOCFLAGS='-Z unstable-options --output-format json' \
        cargo doc "${crates[@]}" "${dependencies[@]}" --all-features --no-deps --lib
    cargo build "${everything[@]}" --bin graphex-surface
    for crate in graphex graphex_macros graphex_runtime; do
        "$target/debug/graphex-surface" "$target/second/doc/$crate.json" || return 1
    done >"$names"
    diff --unified tests/surface/names.txt "$names" ||
        fail "public names have changed: if that is meant, copy $names to tests/surface/ and write it into CHANGELOG.md"
}

features_of() { sed -n '/^\[features\]$/,/^$/s/^\([a-z-]*\) = .*/\1/p' "$1"; }

# Nothing but the crate, and so no features of it that others ask for. All features of the parts are
# features of `graphex`.
each_feature() {
    local features half
    mapfile -t features < <({
        features_of Cargo.toml
        features_of graphex-runtime/Cargo.toml
        features_of graphex-macros/Cargo.toml
    } | sort -u)
    [ ${#features[@]} -gt 12 ] || fail 'the features are not to be found'
    # Without any once with only what it asks for of its dependencies; with the default features so
    # are the packages.
    check --package graphex --no-default-features
    half=$((${#features[@]} / 2))
    second_target
    CARGO_TARGET_DIR=$target/second lane check_features "${features[@]:0:half}"
    lane check_features "${features[@]:half}"
    join_lanes
}

# check <arguments of cargo check...>: a warning of the compiler fails it, too; clippy sees few of the
# sets of features.
check() {
    local said
    said=$(cargo check "$@" 2>&1) || {
        printf '%s\n' "$said"
        return 1
    }
    printf '%s\n' "$said"
    ! grep -q '^warning: .* generated [0-9]* warning' <<<"$said"
}

check_features() {
    local feature
    for feature in "$@"; do
        printf -- '--features %s\n' "$feature"
        check --package graphex "${dependencies[@]}" --no-default-features --features "graphex/$feature" ||
            return 1
    done
}

# A target directory of its own for a second cargo, since one builds at a time in each, with the
# dependencies that are built in the first.
second_target() {
    local second=$target/second/debug
    [ ! -d "$second" ] || return 0
    mkdir -p "$second/deps"
    find "$target/debug/deps" -maxdepth 1 -name 'lib*' ! -name 'libgraphex*' -print0 |
        xargs -0 cp -al -t "$second/deps"
    find "$target/debug/deps" -maxdepth 1 -name '*.d' ! -name 'lib*' -print0 |
        xargs -0 cp -a -t "$second/deps"
    cp -a "$target/debug/.fingerprint" "$target/debug/build" "$second"
}

# `clippy::incompatible_msrv` holds our code to the Rust version of Cargo.toml; this, the
# dependencies in Cargo.lock.
dependencies_keep_rust_version() {
    local ours newest
    ours=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    newest=$(cargo metadata --format-version 1 --all-features |
        grep -o '"rust_version":"[0-9.]*"' | cut -d '"' -f 4 | sort -V | tail -n 1)
    printf 'Cargo.toml says %s, the most a dependency asks for is %s\n' "$ours" "$newest"
    [ "$(printf '%s\n' "$ours.0" "$newest" | sort -V | tail -n 1)" = "$ours.0" ]
}

# Who does not serve HTTP, use Diesel or Redis does not build them.
bare_dependencies() {
    local tree
    tree=$(cargo tree --package graphex --edges normal --no-default-features --prefix none)
    ! grep -E '^(axum|diesel|redis)' <<<"$tree"
}

# The programs that tests start.
build() {
    cargo test "${everything[@]}" --no-run
    cargo build "${everything[@]}" --examples --bins
    # As whoever runs them builds them: with the features that they ask for.
    cargo build "${dependencies[@]}" "${example_packages[@]}" --bins
    export GRAPHEX_CHAT=$target/debug/examples/chat
    export GRAPHEX_ANY_WRITER=$target/debug/any_writer
    export GRAPHEX_CLUSTER=$target/debug/cluster
    export GRAPHEX_MESSENGER=$target/debug/messenger
    export GRAPHEX_SCENES=$target/debug/graphex-browser-tests
}

# What is as it is without features: all that needs none.
test_without_features() {
    test_with "${crates[@]}" "${dependencies[@]}" --no-default-features --lib --tests
}

# What the default features decide: who builds without Redis, models that say nothing of
# `serialize_data`, the commands and the examples of the documentation.
test_default_features() {
    lane cargo test "${crates[@]}" "${dependencies[@]}" --doc
    lane test_of 'two_channel attach' "${crates[@]}" "${dependencies[@]}" --test protocols --test capture_sqlite
    GRAPHEX_CHAT='' lane cargo test "${crates[@]}" "${dependencies[@]}" --lib --test chat
    join_lanes
}

# The end-to-end tests, with more than one process: so many answer HTTP, so many have WebSockets.
test_processes() {
    local ends=(two_channel filters http limits no_such_faults every_protocol)
    GRAPHEX_PROCESSES=$1 RUST_TEST_THREADS=4 test_of "${ends[*]}" "${everything[@]}" --test protocols --test subscriptions
    GRAPHEX_PROCESSES=$1 RUST_TEST_THREADS=4 test_with "${everything[@]}" --test chat
}

# Figures to read, not to pass: what else the machine does decides too much.
bench() {
    if [ -n "$long" ]; then
        cargo bench --features redis --bench layer
    else
        cargo test "${everything[@]}" --bench layer
    fi
}

# install_npm <directory>: the packages of its lock file, if it has others.
install_npm() {
    cmp -s "$1/package-lock.json" "$1/node_modules/installed.json" && return
    npm ci --no-audit --no-fund --ignore-scripts --prefix "$1" ||
        fail "the npm packages of $1 could not be installed"
    cp "$1/package-lock.json" "$1/node_modules/installed.json"
}

# install_python <name> <requirements>: a Python of its own below target/, with these packages.
install_python() {
    local home=$target/$1 wanted=$2
    cmp -s "$wanted" "$home/requirements.txt" || {
        rm -rf "$home"
        python3 -m venv "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$wanted" ||
            fail "the packages of $wanted could not be installed"
        cp "$wanted" "$home/requirements.txt"
    }
}

# An application of another language that writes to the same table, and a client of another language.
install_pythons() {
    install_python django tests/postgres/django/requirements.txt
    install_python gql tests/clients/gql/requirements.txt
    export GRAPHEX_DJANGO_PYTHON=$target/django/bin/python GRAPHEX_GQL_PYTHON=$target/gql/bin/python
}

# What would be published, unpacked and checked without anything else of the repository, with the
# default features.
packages() {
    # Not at the paths of the workspace: cargo would take the one for the other and build both again.
    local unpacked=$target/package/unpacked name
    rm -rf "$target/package"
    cargo package --allow-dirty --no-verify "${crates[@]}"
    for name in graphex graphex-macros graphex-runtime; do
        mkdir -p "$unpacked/crates/$name"
        tar -xzf "$target/package/$name"-[0-9]*.crate -C "$unpacked/crates/$name" --strip-components 1
    done
    cp Cargo.lock "$unpacked"
    {
        printf '[workspace]\nmembers = ["crates/*"]\nresolver = "3"\n[patch.crates-io]\n'
        printf '%s = { path = "%s" }\n' graphex-macros crates/graphex-macros graphex-runtime crates/graphex-runtime
        sed -n '/^\[profile/,/^$/p' Cargo.toml
    } >"$unpacked/Cargo.toml"
    CARGO_TARGET_DIR=$target check --manifest-path "$unpacked/Cargo.toml" --package graphex
}

# ---------------------------------------------------------------- all of it

step 'what has to be there' install_tools
step 'start PostgreSQL' start_postgres
step 'start Redis' start_redis

step 'formatting' cargo fmt --all --check
step 'dependencies build with our Rust version' dependencies_keep_rust_version
step 'no axum, Diesel or Redis without features' bare_dependencies
step 'lints, all features' \
    cargo clippy "${everything[@]}" --all-targets -- -D warnings
step 'lints, no default features' \
    cargo clippy "${crates[@]}" "${dependencies[@]}" --all-targets --no-default-features -- -D warnings
step 'documentation' documentation
step 'each feature alone' each_feature
step 'packages, as they would be published' packages

step 'npm clients' install_npm tests/clients
step 'Python packages' install_pythons
step 'build for tests' build
step 'public names' public_names
step 'what the browser page is built with' install_npm client
step 'the committed browser page is what its source builds' npm run check --prefix client
step 'tests with all features and with none, with servers and clients' test_everything
step 'tests that measure time' test_times
step 'changes through Redis, beside what it publishes' bench
step 'tests, default features' test_default_features
step 'tests in the browser' tests/browser/run.sh

[ -z "$current" ] || fail "not done to its end: $current"
table
printf '\nall checks passed in %s minutes\n' $(((SECONDS + 59) / 60))
