//! The places where messages are kept.

pub mod cockroach;
