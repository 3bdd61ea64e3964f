//! Says what a plain `cargo test` does not run, so that nobody takes silence for success.

#![expect(clippy::print_stdout, reason = "to print is all it does")]

fn main() {
    // A test runner that asks for a list of tests gets an empty one.
    if std::env::args().any(|arg| arg == "--list") {
        return;
    }
    println!();
    println!(
        "left out of `cargo test`: the tests on PostgreSQL and Redis, which need servers, those with"
    );
    println!(
        "clients from npm and in the browser, which need Node.js, and those of what the derive says to"
    );
    println!("mistakes, which compile the dependencies once more");
    println!("    all of it:      ./tests/run.sh    (starts servers of its own)");
    println!("    PostgreSQL:     GRAPHEX_POSTGRES_URL=postgres://user@host/database \\");
    println!("                        cargo test --package graphex-postgres-tests");
    println!("    Redis:          GRAPHEX_REDIS_URL=redis://host/ \\");
    println!("                    GRAPHEX_REDIS_CLUSTER_URLS=redis://host:1/,redis://host:2/ \\");
    println!("                        cargo test --package graphex-redis-tests");
    println!("    processes:      GRAPHEX_REDIS_URL=redis://host/ GRAPHEX_PROCESSES=2+1 \\");
    println!("                        cargo test --features redis --test protocols two_channel::");
    println!("    npm clients:    (cd tests/clients && npm ci) && cargo build --example chat");
    println!("                    GRAPHEX_CHAT=$PWD/target/debug/examples/chat \\");
    println!("                        cargo test --package graphex-client-tests");
    println!("    mistakes:       cargo test --package graphex-ui-tests");
    println!(
        "    proofs:         GRAPHEX_PROOF=10 makes those with random steps ten times as long"
    );
    println!("    the page:       tests/browser/run.sh    (needs Chromium, too)");
    println!();
}
