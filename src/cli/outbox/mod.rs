//! Messages that wait for a server that was away.
//!
//! A message that may be kept is written down before it is sent and forgotten
//! when the server has it, so that no crash loses it; its Idempotency-Key
//! makes a second attempt the same message. What waits for a server goes out,
//! in order, with the next command that reaches it, and before any new post
//! to it. One process sends at a time, and no process touches a message that
//! another one holds.

pub(crate) mod deliver;
pub(crate) mod drain;
pub(crate) mod store;
pub(crate) mod waiting;

pub(crate) use deliver::{Delivery, Posted, count_waiting_as, deliver, send_waiting};
