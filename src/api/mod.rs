//! The wire: what server and client say to each other.
