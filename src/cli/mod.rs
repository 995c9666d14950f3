//! The console client.
