//! The places where messages are kept.
