//! Messages within companies, as a team would build it: a login over HTTP that gives a JSON web token,
//! GraphQL over HTTP, SSE and WebSockets as the user who has it, diesel-async with a pool, and
//! PostgreSQL's change log, so that any number of these processes is one service.
//!
//! `cargo run --package graphex-messenger-example` says how to start it. Begin with `models.rs`, then
//! `viewer.rs`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

mod accounts;
mod database;
mod models;
mod schema;
#[path = "../chat/serve.rs"]
mod serve;
#[path = "../chat/signals.rs"]
mod signals;
mod tables;
mod token;
mod viewer;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use graphex::Hub;
use graphex::axum::Endpoints;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::accounts::Accounts;
use crate::database::Pool;
use crate::models::Message;
use crate::token::Tokens;
use crate::viewer::Viewer;

/// How long it takes to close the channels of all clients.
const DRAIN: Duration = Duration::from_secs(10);
/// What the last answers may take after that. A client that does not read does not keep the program.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// A shorter secret can be found by trying.
const SECRET_BYTES: usize = 32;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("messenger: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve"] => serve().await,
        ["add-user", company, name] => {
            let mut password = String::new();
            std::io::stdin().read_line(&mut password)?;
            let (_, pool) = open()?;
            accounts::add(
                &pool,
                company.parse()?,
                name,
                password.trim_end().to_owned(),
            )
            .await
        }
        _ => {
            println!("{}", include_str!("usage.txt"));
            Ok(())
        }
    }
}

fn open() -> Result<(Hub, Pool), Failure> {
    database::open(
        Hub::builder().model::<Message>(),
        &variable("DATABASE_URL")?,
    )
}

async fn serve() -> Result<(), Failure> {
    let secret = variable("JWT_SECRET")?;
    if secret.len() < SECRET_BYTES {
        return Err(format!("JWT_SECRET needs at least {SECRET_BYTES} bytes").into());
    }
    let lifetime = std::env::var("TOKEN_SECONDS").map_or(Ok(3600), |text| text.parse())?;
    let tokens = Tokens::new(secret.as_bytes(), Duration::from_secs(lifetime));
    let (hub, pool) = open()?;
    let app = app(&hub, pool, Arc::new(tokens));
    let listener = TcpListener::bind(format!("127.0.0.1:{}", variable("PORT")?)).await?;
    let terminated = signals::terminated()?;
    println!("messenger listens on {}", listener.local_addr()?);
    let served = serve::serve(listener, app, serve::Limits::default(), hub.drained());
    let ending = async {
        terminated.await;
        hub.drain(DRAIN).await;
        sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        () = served => {}
        () = ending => {}
    }
    hub.flush().await;
    Ok(())
}

fn app(hub: &Hub, pool: Pool, tokens: Arc<Tokens>) -> Router {
    let of_sockets = Arc::clone(&tokens);
    let graphql = Endpoints::new(schema::build(hub, pool.clone()), hub.clone())
        .identity(viewer::identity)
        .data(|request, data| {
            if let Some(viewer) = request.extensions.get::<Viewer>() {
                data.insert(viewer.clone());
            }
        })
        .on_connect(move |payload, _| {
            let data = viewer::connecting(&payload, &of_sockets);
            async { data }
        })
        // A client may send a new token before the last one ends.
        .renewal(true)
        .graphiql(false)
        .health(true)
        .into_router()
        .layer(from_fn_with_state(
            Arc::clone(&tokens),
            viewer::authenticate,
        ));
    let login = Router::new()
        .route("/login", post(accounts::login))
        .with_state(Accounts { pool, tokens });
    graphql.merge(login)
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("set {name}\n\n{}", include_str!("usage.txt")))
}
