//! Users and their passwords. In front of `/login` belongs a limit for how often one address tries.

use std::sync::Arc;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{Error, PasswordHash, SaltString};
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::Failure;
use crate::database::Pool;
use crate::tables::users;
use crate::token::Tokens;

/// What `/login` is sent.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
}

/// What it answers.
#[derive(Serialize)]
pub(crate) struct Login {
    token: String,
    /// For so many seconds.
    expires_in: u64,
}

/// What `/login` needs.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) pool: Pool,
    pub(crate) tokens: Arc<Tokens>,
}

/// `POST /login`: a token for a name and a password.
pub(crate) async fn login(
    State(accounts): State<Accounts>,
    Json(given): Json<Credentials>,
) -> Result<Json<Login>, (StatusCode, &'static str)> {
    const WRONG: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "wrong name or password");
    match accounts.check(given).await {
        Ok(login) => login.map(Json).ok_or(WRONG),
        Err(error) => {
            tracing::error!(%error, "a login failed");
            Err((StatusCode::INTERNAL_SERVER_ERROR, "try again later"))
        }
    }
}

impl Accounts {
    async fn check(&self, given: Credentials) -> Result<Option<Login>, Failure> {
        let mut conn = self.pool.get().await?;
        let user = users::table.filter(users::name.eq(&given.name));
        let user = user.select((users::id, users::company, users::password_hash));
        let user: Option<(i64, i64, String)> = user.first(&mut conn).await.optional()?;
        drop(conn);
        let Some((id, company, hash)) = user else {
            // It takes as long as for a user who exists, so that names cannot be found out.
            spawn_blocking(move || hashed(&given.password)).await??;
            return Ok(None);
        };
        if !spawn_blocking(move || is_of(&given.password, &hash)).await?? {
            return Ok(None);
        }
        let token = self.tokens.issue(id, company)?;
        let expires_in = self.tokens.lifetime().as_secs();
        Ok(Some(Login { token, expires_in }))
    }
}

/// Adds a user to a company, or gives one another password.
pub(crate) async fn add(
    pool: &Pool,
    company: i64,
    name: &str,
    password: String,
) -> Result<(), Failure> {
    let hash = spawn_blocking(move || hashed(&password)).await??;
    let user = (
        users::company.eq(company),
        users::name.eq(name),
        users::password_hash.eq(&hash),
    );
    diesel::insert_into(users::table)
        .values(user)
        .on_conflict(users::name)
        .do_update()
        .set((users::company.eq(company), users::password_hash.eq(&hash)))
        .execute(&mut pool.get().await?)
        .await?;
    Ok(())
}

fn hashed(password: &str) -> Result<String, Error> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn is_of(password: &str, hash: &str) -> Result<bool, Error> {
    let hash = PasswordHash::new(hash)?;
    match Argon2::default().verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(Error::Password) => Ok(false),
        Err(error) => Err(error),
    }
}
