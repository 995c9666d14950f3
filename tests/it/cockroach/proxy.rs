//! A TCP proxy before the database that breaks what passes through it: cut
//! before the answer of a commit reaches the store, stalled, or closed; or that
//! lets batches arrive late, each by as much as chance will have it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// The tag that PostgreSQL and CockroachDB answer when the batch statement,
/// which is its own transaction, is done.
const DONE: &[u8] = b"INSERT 0 ";
/// The tag of an explicit commit.
const COMMITTED: &[u8] = b"COMMIT\0";

/// What only a connection that stores batches sends: their statement.
const STORES: &[u8] = b"INSERT INTO messages ";

/// A listening proxy and its faults.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// Of this many answers of commits, one is cut. 0: none.
    cut_every: AtomicU32,
    seen: AtomicU32,
    /// So many answers of explicit commits are cut.
    cut_commits: AtomicU32,
    /// After so many answers of any kind everything is closed. 0: never.
    close_after: AtomicU32,
    cuts: AtomicU64,
    connections: AtomicU64,
    /// After so many answers of any kind all are held back. 0: never.
    stall_after: AtomicU32,
    /// Batches wait so many milliseconds at most.
    delay: AtomicU32,
    /// Answers do.
    answer_delay: AtomicU32,
    refuse: AtomicBool,
    stalled: AtomicBool,
    changed: Notify,
    close: Notify,
}

impl Proxy {
    /// A proxy before a server on this machine.
    pub async fn before(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy {
            port: listener.local_addr().unwrap().port(),
            faults: Arc::default(),
        };
        let faults = proxy.faults.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if faults.refuse.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                faults.connections.fetch_add(1, Ordering::SeqCst);
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let faults = faults.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = faults.forward(from_client, to_server, false) => {}
                        () = faults.forward(from_server, to_client, true) => {}
                        () = faults.close.notified() => {}
                    }
                });
            }
        });
        proxy
    }

    /// Has what is sent over connections that store wait at random, up to so
    /// long. 0: never.
    pub fn delay_batches(&self, most: Duration) {
        let most = u32::try_from(most.as_millis()).unwrap();
        self.faults.delay.store(most, Ordering::SeqCst);
    }

    /// Has every answer wait at random, up to so long.
    pub fn delay_answers(&self, most: Duration) {
        let most = u32::try_from(most.as_millis()).unwrap();
        self.faults.answer_delay.store(most, Ordering::SeqCst);
    }

    /// Cuts the connection before every `n`th answer of a commit.
    pub fn cut_every(&self, n: u32) {
        self.faults.cut_every.store(n, Ordering::SeqCst);
    }

    /// Cuts the connection before the next `n` answers of explicit commits.
    pub fn cut_commits(&self, n: u32) {
        self.faults.cut_commits.store(n, Ordering::SeqCst);
    }

    /// Closes everything, for good, once `n` answers have come. 0: never.
    pub fn close_after(&self, n: u32) {
        self.faults.close_after.store(n, Ordering::SeqCst);
    }

    /// Holds back all answers once `n` have come. 0: never.
    pub fn stall_after(&self, n: u32) {
        self.faults.stall_after.store(n, Ordering::SeqCst);
    }

    /// Waits until answers are held back.
    pub async fn stalled(&self) {
        let changed = self.faults.changed.notified();
        if !self.faults.stalled.load(Ordering::SeqCst) {
            changed.await;
        }
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.faults.connections.load(Ordering::SeqCst)
    }

    /// How many answers were cut.
    pub fn cuts(&self) -> u64 {
        self.faults.cuts.load(Ordering::SeqCst)
    }

    /// Holds back all answers, on connections old and new, until told not to.
    pub fn stall(&self, stalled: bool) {
        self.faults.stalled.store(stalled, Ordering::SeqCst);
        self.faults.changed.notify_waiters();
    }

    /// Closes all connections; takes no new ones until told to.
    pub fn close(&self, refuse: bool) {
        self.faults.refuse.store(refuse, Ordering::SeqCst);
        self.faults.close.notify_waiters();
    }
}

impl Faults {
    async fn forward(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, answers: bool) {
        let mut buffer = vec![0; 64 * 1024];
        let mut stores = false;
        loop {
            let Ok(length @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            let bytes = &buffer[..length];
            if !answers {
                stores |= bytes.windows(STORES.len()).any(|window| window == STORES);
                if stores {
                    wait_at_most(&self.delay).await;
                }
            }
            if answers {
                wait_at_most(&self.answer_delay).await;
                if reached(&self.stall_after) {
                    self.stalled.store(true, Ordering::SeqCst);
                    self.changed.notify_waiters();
                }
                while self.stalled.load(Ordering::SeqCst) {
                    let changed = self.changed.notified();
                    if self.stalled.load(Ordering::SeqCst) {
                        changed.await;
                    }
                }
                if reached(&self.close_after) {
                    self.refuse.store(true, Ordering::SeqCst);
                    self.close.notify_waiters();
                    return;
                }
                if self.cuts_here(bytes) {
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    fn cuts_here(&self, bytes: &[u8]) -> bool {
        let has = |tag: &[u8]| bytes.windows(tag.len()).any(|window| window == tag);
        let left = |left: u32| left.checked_sub(1);
        let commits = &self.cut_commits;
        if has(COMMITTED)
            && commits
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
                .is_ok()
        {
            return true;
        }
        let every = self.cut_every.load(Ordering::SeqCst);
        if every == 0 || !has(DONE) {
            return false;
        }
        (self.seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every)
    }
}

async fn wait_at_most(most: &AtomicU32) {
    let most = most.load(Ordering::SeqCst);
    if most > 0 {
        let wait = getrandom::u32().unwrap() % most;
        tokio::time::sleep(Duration::from_millis(wait.into())).await;
    }
}

/// Counts down; true for the last one.
fn reached(left: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) == Ok(1)
}
