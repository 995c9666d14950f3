//! dunder: a message JSON API with hashtags and trends, and its console
//! client, in one binary.
//!
//! # The map
//!
//! Each module names only modules below it (`tests/it/shape.rs` reads the
//! sources for that), and not every one of them: the client knows servers by
//! their answers alone, the server knows stores by their traits alone.
//!
//! | module | what it is |
//! |---|---|
//! | [`app`] | everything put together: commands, the server's start and stop, background jobs, the log, import and export |
//! | [`cli`] | the console client: commands, login, the queue of messages that wait, completions |
//! | [`server`] | HTTP: connections, layers around handlers, one handler a resource |
//! | [`store`] | where messages are kept: the embedded SQLite file, CockroachDB and PostgreSQL |
//! | [`output`] | what people read: tables, lines, charts; the one place where texts are made safe to look at |
//! | [`config`] | settings: keys, flags, variables and file to checked values |
//! | [`api`] | the wire, shared by server and client |
//! | [`domain`] | values, filters, and the traits of a store; no I/O |
//! | [`trace`] | spans: where the time of a request went |
//! | [`metrics`] | counters and histograms that threads share, and the text of `/metrics` |
//!
//! # The invariants
//!
//! Each is kept by the modules named first; those after the arrow go wrong
//! without it.
//!
//! 1. **What is acknowledged is durable.** A post is answered once its batch
//!    is committed and synced. `store::batch`, `store::sqlite::write`,
//!    `store::cockroach::writer` → `server::handle::message`, `cli::outbox`.
//! 2. **Nothing is stored twice.** A batch can be sent again, an input
//!    imported again, a queued post delivered again: the id or the idempotency
//!    key finds what is there, or that it was deleted. `store::sqlite::write::insert`,
//!    `store::cockroach::sql`, `domain::Draft` (ids derived from contents) →
//!    `store::cockroach::retry`, `app::transfer`, `cli::outbox`.
//! 3. **A message's time is its id's.** So a range of dates is a range of ids,
//!    and one index serves both. `domain::MessageId`, `domain::Record` →
//!    `domain::FeedFilter`, pages and trends of every store.
//! 4. **On the embedded store commit order is id order, on a cluster it is
//!    not.** But for a clock that was wrong: such a batch is listed at once, and
//!    no position is behind it. `store::sqlite::write` →
//!    `store::sqlite::write::memtable`, `store::sqlite::read::after`; no other
//!    module may rely on it. On a cluster nothing is committed at or below the
//!    closed id: `store::cockroach::closed`, the fence of
//!    `store::cockroach::sql` → `store::cockroach::follow`. So whoever reads
//!    forward passes each message once: `domain::Following` → `server::follow`.
//!    A standby may be behind and is not connected to: `store::cockroach::connect`.
//! 5. **Counters are the messages, counted.** A message counts in the
//!    transaction that stores it or, on the embedded store, flushes it; until
//!    then the memtable counts it. So lists, tags and trends agree for any
//!    range. `store::sqlite::write`, `store::cockroach::sql` → trends and
//!    hashtags of every store, `output::chart`. What a deleted message counted
//!    is taken away in the transaction that deletes it; on a cluster in a slot
//!    of its own, where counts are below zero. A message that is evicted counts
//!    still: no part may take the oldest message for the beginning of counts.
//! 6. **What is kept in memory rests on these.**
//!    - *Immutable*: what a message says, and which name a user's number stands
//!      for, never changes, and no id is given out twice, to a message or to a
//!      deletion → `store::sqlite::read::cache`, `store::sqlite::write::insert`,
//!      `store::cockroach::batch`. A hashtag's number may be given again after
//!      a removal.
//!    - *Removals are told*: each leaves a tombstone ([`domain::Removal`]) in the
//!      transaction that removes, and a program that finds one it has not seen
//!      forgets what it rests on: writers before they write
//!      (`store::sqlite::write::clock`), `store::sqlite::rollup::months` in
//!      the snapshot that they answer from, `store::sqlite::read::cache` within
//!      its lease, which whoever removes lets pass before the removal is
//!      acknowledged. The memtable is flushed first: nothing is removed from
//!      it. `store::sqlite::write::removal` → all of these.
//!    - *Evictions are told*: the number of the last one, and the last message
//!      that went, are in the file; what is kept of that age is forgotten
//!      (`store::sqlite::write::eviction` → `store::sqlite::read::cache`).
//!    - *Counts tell*: while as many messages were added to a month and taken
//!      from it as before, every hashtag counts in it what it did
//!      → `store::cockroach::months`.
//!    - *Versions tell*: after any change, by whichever program, the store has
//!      another [`domain::Version`], or has none → the answers that
//!      `server::layer::cache` keeps, removals included.
//!
//!    A list, or a key, names a message whose row is in the same snapshot;
//!    nothing rests on it silently: a row that is missing is
//!    [`domain::StoreError::Corrupt`].
//! 7. **A value of the domain cannot be wrong.** It is parsed once, where it
//!    comes in. `domain` → everything.
//! 8. **Text from other people is never obeyed.** JSON carries it exactly;
//!    what people read goes through `output::sanitize`: tables, errors,
//!    plain-text answers, and the log (`app::log`).
//! 9. **Everything has a limit**, in time, memory and number, and work is
//!    linear in what was sent. `config::Limits`, `server::live`, `server::conn`,
//!    `server::layer::limits`, `store::batch`, `output`.
//! 10. **Nobody waits for a reader.** Answers stream, a client that takes
//!     nothing is cut, a follower that is slow reads the store by itself, and the
//!     log drops what nobody reads. `server::conn`, `server::follow`, `app::log`.
//! 11. **What went wrong inside stays inside.** An answer has a sentence, a
//!     code and the request's id; texts of errors, SQL and paths go to the log.
//!     `server::error`.
//! 12. **Background work does not end unseen.** What panics is started again,
//!     and `/readyz` knows. `app::supervise` (jobs of server and stores), the
//!     writers in `store::batch` and `store::sqlite::write`.
//! 13. **A store is changed by the dunder that knows it alone.** Newer ones and
//!     files of other programs are refused, untouched. `store::sqlite::open`,
//!     `store::cockroach::migrate`.
//! 14. **A message is in a file before it leaves the store.** A file of the
//!     archive is read back before the manifest names it, never changed, and
//!     what is evicted is in it. Whoever reads asks the hot store first and the
//!     manifest afterwards, so between two steps a message is read from one of
//!     them or from both, and given once. A deletion is counted beside the
//!     manifest in its own transaction, so no file is named that has what was
//!     deleted before. Imports and evictions wait for each other, so nothing
//!     is counted twice. A file that may be the only copy is never removed.
//!     `store::archive::day`, [`domain::Manifest`] → `store::archive::traits`,
//!     `store::archive::turn`.

pub mod api;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod metrics;
pub mod output;
pub mod server;
pub mod store;
pub mod trace;
