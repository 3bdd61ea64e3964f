//! Capture tests against PostgreSQL; see `tests/`.
