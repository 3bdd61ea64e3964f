#!/usr/bin/env bash
# Every check of the project, from formatting to PostgreSQL, Redis and the browser. It stops at the
# first failure.
#
# Needs Rust with clippy and rustfmt, a C compiler (for the bundled SQLite), PostgreSQL's
# server and client library, and Node.js, npm and Chromium for the browser page. As root on
# Debian or Ubuntu it installs what is missing, Rust apart; otherwise it says what to install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

crates=(--package graphex-macros --package graphex-runtime --package graphex)
target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$target/tools
export PATH=$tools/bin:$PATH

fail() {
    printf '\ntests/run.sh: %s\n' "$*" >&2
    exit 1
}

# step <title> <command...>
step() {
    local started=$SECONDS
    current=$1
    shift
    printf '\n=== %s\n    %s\n' "$current" "$*"
    # Not `|| fail`: that would turn `set -e` off inside of functions. `finish` speaks instead.
    "$@"
    printf -- '--- %s: %ss\n' "$current" $((SECONDS - started))
    current=
}

current= data= redis_data=
finish() {
    local status=$?
    stop_postgres
    stop_redis
    [ -z "$current" ] || printf '\ntests/run.sh: failed at: %s\n' "$current" >&2
    exit "$status"
}
trap finish EXIT

# ---------------------------------------------------------------- what has to be there

is_root() { [ "$(id -u)" = 0 ]; }

# need <package> <test...>: makes sure of a Debian package, or says that it is missing.
need() {
    local package=$1
    shift
    "$@" && return
    if is_root && command -v apt-get >/dev/null; then
        printf 'installing %s\n' "$package"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "$package" ||
            fail "apt-get could not install the package $package"
        "$@" && return
        fail "the package $package is installed, but does not bring what is needed"
    fi
    fail "the package $package is missing (its name on Debian): install it, or run this as root"
}

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
has_redis() { command -v redis-server >/dev/null; }
has_redis_tools() { command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null; }
has_openssl() { command -v openssl >/dev/null; }
has_node() { command -v node >/dev/null; }
has_npm() { command -v npm >/dev/null; }
has_chromium() { [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; }

install_tools() {
    command -v cargo >/dev/null || fail 'Rust is missing: install it from https://rustup.rs'
    cargo clippy --version >/dev/null || fail 'clippy is missing: rustup component add clippy'
    cargo fmt --version >/dev/null || fail 'rustfmt is missing: rustup component add rustfmt'
    need gcc has_compiler
    need libpq-dev has_libpq
    need postgresql has_postgres
    need redis-server has_redis
    need redis-tools has_redis_tools
    need openssl has_openssl
    need nodejs has_node
    need npm has_npm
    need chromium has_chromium
    cargo hack --version >/dev/null 2>&1 ||
        cargo install cargo-hack --locked --quiet --root "$tools" ||
        fail 'cargo-hack could not be installed: `cargo install cargo-hack` failed'
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
    as_postgres "$bin/initdb" --pgdata "$data/db" --username graphex --auth trust \
        --encoding UTF8 --locale C --no-sync >"$data/log" 2>&1 ||
        { cat "$data/log"; return 1; }
    # Another program may take the port first, so try a few.
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 20000))
        if as_postgres "$bin/pg_ctl" start --pgdata "$data/db" --wait --silent --log "$data/db/log" \
            --options "-h 127.0.0.1 -p $port -c unix_socket_directories= -c fsync=off"; then
            export GRAPHEX_POSTGRES_URL=postgres://graphex@127.0.0.1:$port/postgres
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

# The end-to-end tests, with more than one process: so many answer HTTP, so many have WebSockets.
test_processes() {
    local tests=(two_channel filters http limits no_such_faults every_protocol chat)
    GRAPHEX_PROCESSES=$1 RUST_TEST_THREADS=4 cargo test --all-features "${tests[@]/#/--test=}"
}

# ---------------------------------------------------------------- checks that are not one command

documentation() {
    RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features "${crates[@]}"
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

# The clients that others wrote, at the versions of the lock file, and the server they talk to.
install_clients() {
    (cd tests/clients && npm ci --no-audit --no-fund --ignore-scripts) ||
        fail 'the npm packages of tests/clients could not be installed'
    cargo build --example chat
    export GRAPHEX_CHAT=$target/debug/examples/chat
}

# ---------------------------------------------------------------- all of it

step 'what has to be there' install_tools
step 'start PostgreSQL' start_postgres
step 'start Redis' start_redis

step 'formatting' cargo fmt --all --check
step 'lints, all features' \
    cargo clippy --workspace --all-targets --all-features -- -D warnings
step 'lints, no default features' \
    cargo clippy "${crates[@]}" --all-targets --no-default-features -- -D warnings
step 'documentation' documentation
step 'each feature alone' cargo hack check --workspace --each-feature
step 'no axum, Diesel or Redis without features' bare_dependencies

step 'dependencies build with our Rust version' dependencies_keep_rust_version

step 'tests, default features' cargo test
# Without the examples in the documentation, which show the default features.
step 'tests, no default features' cargo test --no-default-features --lib --tests
step 'tests, all features' cargo test --all-features
step 'tests on PostgreSQL' cargo test --package graphex-postgres-tests
step 'tests on Redis' cargo test --package graphex-redis-tests
step 'tests with 2 HTTP processes and 1 WebSocket process' test_processes 2+1
step 'tests with 1 HTTP process and 3 WebSocket processes' test_processes 1+3
# Figures to read, not to pass: what else the machine does decides too much.
step 'changes through Redis, beside what it publishes' cargo bench --features redis --bench layer
step 'npm clients' install_clients
step 'tests with npm clients' cargo test --package graphex-client-tests

step 'what the browser page is built with' npm ci --ignore-scripts --prefix client
step 'the committed browser page is what its source builds' npm run check --prefix client
step 'tests in the browser' tests/browser/run.sh

step 'packages, built as they would be published' cargo package --allow-dirty "${crates[@]}"

printf '\nall checks passed in %s minutes\n' $(((SECONDS + 59) / 60))
