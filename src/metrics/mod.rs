//! What is counted and measured, and the text that Prometheus reads.
//!
//! Whoever does something counts it in a struct of its own, made of
//! [`Counter`]s and [`Histogram`]s: numbers that threads share, with no name
//! and nothing to be looked up. Names and labels are given when somebody asks:
//! then each part writes what it has on a [`Page`]. So what nobody asks for
//! takes no more memory than the numbers. What every request counts is
//! [`Striped`]. Labels are of a few known values; no
//! user's name, text or hashtag is one.
//!
//! Below everything else: stores, server and `app` count, `app` puts the page
//! together.

mod moment;
mod page;
mod striped;
mod values;

pub use moment::Moment;
pub use page::{Format, Page};
pub use striped::{Stripe, Striped};
pub use values::{Counter, Histogram};
