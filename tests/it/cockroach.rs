//! cockroach
