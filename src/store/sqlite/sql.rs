//! Every SQL statement that runs once a store is open, by name, in one place:
//! the test below asks SQLite for the plan of each and refuses full scans.
//!
//! SQLite keeps no statistics here, so the plans must not depend on them:
//! `cross join` fixes the order of tables, `indexed by` the index. Ranges
//! start with an inclusive and end with an exclusive bound throughout.

/// Names the statements, so that none can be forgotten by the test.
macro_rules! statements {
    ($($(#[doc = $doc:literal])* $name:ident = $sql:expr;)*) => {
        /// A statement, by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Sql { $($(#[doc = $doc])* $name,)* }

        impl Sql {
            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[Sql] = &[$(Sql::$name,)*];

            /// The text.
            pub(super) fn text(self) -> &'static str {
                match self { $(Sql::$name => $sql,)* }
            }
        }
    };
}

/// The columns of a message, as `read::message_of` expects them.
macro_rules! message {
    ($rest:literal) => {
        concat!(
            "select m.id, u.name, m.text, m.hashtags, m.idempotency_key ",
            $rest
        )
    };
}

/// The columns of a tombstone, as `tombstones::read` expects them.
macro_rules! tombstone {
    ($rest:literal) => {
        concat!(
            "select t.id, u.name, t.deleted_at, t.position, t.idempotency_key
             from tombstones t cross join users u on u.id = t.user_id ",
            $rest
        )
    };
}

/// The columns of a day, as `manifest::read` expects them.
macro_rules! day {
    ($rest:literal) => {
        concat!(
            "select day, name, messages, bytes, first_id, last_id, checksum, removals, cleaned,
                 replaced from archive_days ",
            $rest
        )
    };
}

/// Ids that `MessageRows` takes at once: a usual page.
pub(super) const IDS: usize = 20;

statements! {
    Begin = "begin";
    BeginImmediate = "begin immediate";
    Commit = "commit";
    Rollback = "rollback";
    /// How many frames the log has, and how many of them the file has, too.
    LogSize = "pragma wal_checkpoint(noop)";
    /// Copies what no read is in the way of.
    Checkpoint = "pragma wal_checkpoint(passive)";
    /// Copies all, and waits until nobody reads from the log.
    Restart = "pragma wal_checkpoint(restart)";
    /// The same, and leaves it empty.
    Truncate = "pragma wal_checkpoint(truncate)";

    /// One message.
    Message = message!(
        "from messages m cross join users u on u.id = m.user_id where m.id = ?1"
    );
    /// One message, with its user's number.
    MessageRow = "select id, user_id, text, hashtags from messages where id = ?1";
    /// Those of so many ids, in the order of the parameters.
    MessageRows =
        "with wanted (id) as (values (?1), (?2), (?3), (?4), (?5), (?6), (?7), (?8), (?9), (?10),
         (?11), (?12), (?13), (?14), (?15), (?16), (?17), (?18), (?19), (?20))
         select m.id, m.user_id, m.text, m.hashtags
         from wanted w cross join messages m on m.id = w.id";
    /// ?1..?2 ids, ?3 limit; newest first.
    Feed = message!(
        "from messages m cross join users u on u.id = m.user_id
         where m.id >= ?1 and m.id < ?2 order by m.id desc limit ?3"
    );
    /// The ids alone: ?1..?2 ids, ?3 limit; newest first.
    FeedIds =
        "select id from messages where id >= ?1 and id < ?2 order by id desc limit ?3";
    /// The same of user number ?4, of those listed one by one.
    IdsOfUser =
        "select message_id from user_messages
         where user_id = ?4 and message_id >= ?1 and message_id < ?2
         order by message_id desc limit ?3";
    /// The same of hashtag number ?4, of those listed one by one.
    IdsOfHashtag =
        "select message_id from hashtag_messages
         where hashtag_id = ?4 and message_id >= ?1 and message_id < ?2
         order by message_id desc limit ?3";
    /// Blocks of user number ?1 that begin below id ?2, newest first.
    BlocksOfUser =
        "select ids from user_runs where user_id = ?1 and first_id < ?2
         order by first_id desc";
    /// Blocks of hashtag number ?1 that begin below id ?2, newest first.
    BlocksOfHashtag =
        "select ids from hashtag_runs where hashtag_id = ?1 and first_id < ?2
         order by first_id desc";
    /// After id ?1, ?2 limit; oldest first.
    Export = message!(
        "from messages m cross join users u on u.id = m.user_id
         where m.id > ?1 order by m.id limit ?2"
    );
    FirstId = "select min(id) from messages";
    LastId = "select max(id) from messages";
    /// The last of ?1..?2 ids that was posted, not imported.
    LastPosted =
        "select id from messages where id >= ?1 and id < ?2
         and not exists (select 1 from imported i where i.id = messages.id)
         order by id desc limit 1";
    /// What the last import put behind the last message.
    History = "select low, high from history where id = 1";
    /// It put there what is after ?1 and up to ?2, behind what an import did.
    NoteHistory =
        "insert into history (id, low, high) values (1, ?1, ?2)
         on conflict (id) do update
         set low = case when high = ?1 then low else ?1 end, high = ?2";
    /// After id ?1 and up to ?2, ?3 limit; oldest first.
    ImportedIds =
        "select id from imported where id > ?1 and id <= ?2 order by id limit ?3";
    /// No clock follows an id before ?1.
    ForgetImported = "delete from imported where id < ?1";
    InsertImported = "insert into imported (id) values (?1) on conflict do nothing";

    /// What index rows and counters know, what there is, and the number of the
    /// last removal.
    State =
        "select until, (select max(id) from messages), (select max(number) from tombstones)
         from settled where id = 1";
    /// They know all up to ?1 now.
    MarkFlushed = "update settled set until = ?1 where id = 1";
    /// After id ?1 and up to ?2, oldest first.
    Newest =
        "select id, user_id, hashtags from messages where id > ?1 and id <= ?2 order by id";

    UserName = "select name from users where id = ?1";
    UserId = "select id from users where name = ?1";
    HashtagId = "select id from hashtags where name = ?1";
    HashtagName = "select name from hashtags where id = ?1";
    /// From ?1 on, in order.
    Users = "select name from users where name >= ?1 order by name limit ?2";
    /// From ?1 on, in order.
    Hashtags = "select id, name from hashtags where name >= ?1 order by name";

    /// Level ?1, era ?2, series ?3, buckets ?4..?5, in order.
    Counts =
        "select bucket, count from counts
         where level = ?1 and era = ?2 and series = ?3 and bucket >= ?4 and bucket < ?5
         order by bucket";
    /// Level ?1, era ?2, every series after ?3.
    CountsOfAll =
        "select series, count from counts where level = ?1 and era = ?2 and series > ?3";
    /// Level ?1, era ?2, series ?3, buckets ?4..?5.
    Sum =
        "select coalesce(sum(count), 0) from counts
         where level = ?1 and era = ?2 and series = ?3 and bucket >= ?4 and bucket < ?5";

    /// The first message posted by user ?1 under key ?2.
    MessageOfKey = message!(
        "from messages m indexed by messages_by_key cross join users u on u.id = m.user_id
         where m.user_id = ?1 and m.idempotency_key = ?2"
    );
    InsertUser = "insert into users (name) values (?1)";
    InsertHashtag = "insert into hashtags (name) values (?1)";
    /// Leaves a taken id or key alone.
    InsertMessage =
        "insert into messages (id, user_id, hashtags, idempotency_key, text)
         values (?1, ?2, ?3, ?4, ?5) on conflict do nothing";
    InsertUserMessage = "insert into user_messages (user_id, message_id) values (?1, ?2)";
    InsertUserBlock = "insert into user_runs (user_id, first_id, ids) values (?1, ?2, ?3)";
    InsertHashtagBlock =
        "insert into hashtag_runs (hashtag_id, first_id, ids) values (?1, ?2, ?3)";
    InsertHashtagMessage =
        "insert into hashtag_messages (hashtag_id, message_id) values (?1, ?2)";
    AddCount =
        "insert into counts (level, era, series, bucket, count) values (?1, ?2, ?3, ?4, ?5)
         on conflict (level, era, series, bucket) do update set count = count + excluded.count";
    /// One message, as its removal has to know it.
    MessageToDelete =
        "select m.user_id, u.name, m.hashtags, m.idempotency_key
         from messages m cross join users u on u.id = m.user_id where m.id = ?1";
    DeleteMessage = "delete from messages where id = ?1";
    /// Of user ?1, of those listed one by one.
    DeleteUserMessage = "delete from user_messages where user_id = ?1 and message_id = ?2";
    /// Of hashtag ?1, of those listed one by one.
    DeleteHashtagMessage =
        "delete from hashtag_messages where hashtag_id = ?1 and message_id = ?2";
    /// The block of user ?1 that has id ?2, if any has.
    BlockOfUser =
        "select first_id, ids from user_runs where user_id = ?1 and first_id <= ?2
         order by first_id desc limit 1";
    /// The block of hashtag ?1 that has id ?2, if any has.
    BlockOfHashtag =
        "select first_id, ids from hashtag_runs where hashtag_id = ?1 and first_id <= ?2
         order by first_id desc limit 1";
    DeleteUserBlock = "delete from user_runs where user_id = ?1 and first_id = ?2";
    DeleteHashtagBlock = "delete from hashtag_runs where hashtag_id = ?1 and first_id = ?2";
    TakeCount =
        "update counts set count = count - ?5
         where level = ?1 and era = ?2 and series = ?3 and bucket = ?4";
    DropCount =
        "delete from counts
         where level = ?1 and era = ?2 and series = ?3 and bucket = ?4 and count <= 0";
    /// Whether any message is listed under hashtag ?1.
    HasMessages =
        "select exists (select 1 from hashtag_messages where hashtag_id = ?1)
             or exists (select 1 from hashtag_runs where hashtag_id = ?1)";
    /// Whether hashtag ?3 counts anything at level ?1 in era ?2.
    HasCounts =
        "select exists (select 1 from counts where level = ?1 and era = ?2 and series = ?3)";
    /// The first era of level ?1 that counts anything, from era ?2 on.
    EraFrom = "select min(era) from counts where level = ?1 and era >= ?2";
    /// The last one.
    LastEra = "select max(era) from counts where level = ?1";
    DeleteHashtag = "delete from hashtags where id = ?1";

    /// One message, as its eviction has to know it.
    MessageToEvict = "select user_id, hashtags from messages where id = ?1";
    /// After id ?1 and before ?2, ?3 limit; oldest first.
    DueOfAll =
        "select id from messages where id > ?1 and id < ?2 order by id limit ?3";
    /// The same of hashtag number ?4, of those listed one by one.
    DueOfHashtag =
        "select message_id from hashtag_messages
         where hashtag_id = ?4 and message_id > ?1 and message_id < ?2
         order by message_id limit ?3";
    /// Blocks of hashtag ?3 that may have ids after ?1 and before ?2, oldest
    /// first.
    DueBlocks =
        "select ids from hashtag_runs
         where hashtag_id = ?3 and first_id < ?2 and first_id >= coalesce(
             (select max(r.first_id) from hashtag_runs r
              where r.hashtag_id = ?3 and r.first_id <= ?1), x'')
         order by first_id";
    /// Rule ?1 evicted messages from ?2 to ?3.
    NoteBoundary =
        "insert into retention (rule, first_id, last_id) values (?1, ?2, ?3)
         on conflict (rule) do update
         set first_id = min(first_id, excluded.first_id),
             last_id = max(last_id, excluded.last_id)";
    /// A few rows.
    Boundaries = "select rule, first_id, last_id from retention where rule >= '' order by rule";
    /// Messages up to ?1 were evicted.
    NoteEviction =
        "update evictions set number = number + 1, last_id = max(last_id, ?1) where id = 1";
    /// The numbers of the last removal and of the last eviction, and the last
    /// message that was evicted.
    Removals =
        "select (select max(number) from tombstones), number, last_id from evictions where id = 1";
    LastEvicted = "select last_id from evictions where id = 1";
    /// Work ?1 is done by ?2 until ?3, if it is nobody else's at ?4.
    TakeLease =
        "insert into leases (work, owner, expires_at) values (?1, ?2, ?3)
         on conflict (work) do update set owner = excluded.owner, expires_at = excluded.expires_at
         where owner = excluded.owner or expires_at < ?4";
    /// ?2 leaves work ?1.
    LeaveLease = "delete from leases where work = ?1 and owner = ?2";
    InsertTombstone =
        "insert into tombstones (id, user_id, deleted_at, position, idempotency_key)
         values (?1, ?2, ?3, ?4, ?5)";
    /// What stays of message ?1.
    Tombstone = tombstone!("where t.id = ?1");
    /// Behind position ?1, ?2 limit; in the order of positions.
    Tombstones = tombstone!("where t.position > ?1 order by t.position limit ?2");
    /// The deleted message that user ?1 posted under key ?2.
    DeletedOfKey =
        "select id from tombstones indexed by tombstones_by_key
         where user_id = ?1 and idempotency_key = ?2 limit 1";
    /// What was removed after the removal of a number.
    RemovedAfter = "select number, id from tombstones where number > ?1 order by number";
    LastRemoval = "select max(number) from tombstones";
    LastPosition = "select max(position) from tombstones";
    /// The last of ?1..?2 positions that was given out here, not imported.
    LastDeleted =
        "select position from tombstones where position >= ?1 and position < ?2
         and not exists (select 1 from imported i where i.id = tombstones.position)
         order by position desc limit 1";
    /// Whether ?1 is the position of anything.
    IsPosition =
        "select exists (select 1 from tombstones where position = ?1)
             or exists (select 1 from messages where id = ?1)";

    /// Days ?1 to ?2, newest first; ?3 limit.
    Identity = "select id from identity where rowid = 1";
    ArchivedDays = day!("where day >= ?1 and day <= ?2 order by day desc limit ?3");
    /// From day ?1 on, those with a file that may have what was deleted, or one
    /// that was replaced.
    UnfinishedDays = day!(
        "where day >= ?1 and (removals > cleaned and name is not null or replaced is not null)
         order by day desc"
    );
    BeginDay = "insert into archive_days (day) values (?1) on conflict do nothing";
    /// Day ?1 has file ?4 to ?9, if it has the one named ?2 and ?3 removals; a
    /// file replaced before must be gone, unless this is the same file.
    SwapDay =
        "update archive_days
         set replaced = case when name is ?4 then replaced else name end, cleaned = removals,
             name = ?4, messages = ?5, bytes = ?6, first_id = ?7, last_id = ?8, checksum = ?9
         where day = ?1 and name is ?2 and removals = ?3 and (replaced is null or name is ?4)";
    ForgetReplaced = "update archive_days set replaced = null where day = ?1 and replaced = ?2";
    /// A message of day ?1 was deleted.
    CountRemoval = "update archive_days set removals = removals + 1 where day = ?1";
    IsDeleted = "select exists (select 1 from tombstones where id = ?1)";

    /// Takes ?1 bytes of disk.
    Probe = "insert or replace into probe (id, padding) values (1, zeroblob(?1))";
    ProbeDone = "delete from probe where id = 1";

    InsertToken =
        "insert into tokens (id, hash, user_name, note, expires_at, revoked_at)
         values (?1, ?2, ?3, ?4, ?5, ?6)";
    TokenOfHash =
        "select id, user_name, note, expires_at, revoked_at from tokens where hash = ?1";
    TokenOfId =
        "select id, user_name, note, expires_at, revoked_at from tokens where id = ?1";
    Tokens =
        "select id, user_name, note, expires_at, revoked_at from tokens
         where id >= x'' order by id";
    RevokeToken = "update tokens set revoked_at = ?2 where id = ?1 and revoked_at is null";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::migrate::fresh_in_memory;

    fn plan(sql: Sql) -> String {
        let connection = fresh_in_memory();
        let text = format!("explain query plan {}", sql.text());
        let mut statement = connection.prepare(&text).unwrap();
        let mut rows = statement.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>(3).unwrap());
        }
        plan.join("; ")
    }

    #[test]
    fn sqlite_is_compiled_as_it_is_told_to_be() {
        let connection = fresh_in_memory();
        let mut options = connection.prepare("pragma compile_options").unwrap();
        let options = options.query_map([], |row| row.get::<_, String>(0));
        let options: Vec<String> = options.unwrap().map(Result::unwrap).collect();
        let told = "DEFAULT_MEMSTATUS=0".to_owned();
        assert!(options.contains(&told), "{options:?}");
    }

    #[test]
    fn no_statement_scans_a_table_or_sorts_one() {
        // The list of ids is walked, of course; it has its own test.
        let walks = |sql: &&Sql| **sql != Sql::MessageRows;
        for &sql in Sql::ALL.iter().filter(walks) {
            // A row of what is asked is no table.
            let plan = plan(sql).replace("SCAN CONSTANT ROW", "");
            assert!(!plan.contains("SCAN"), "{sql:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{sql:?}: {plan}");
        }
    }

    #[test]
    fn a_page_is_as_many_searches_as_there_are_ids() {
        let plan = plan(Sql::MessageRows);
        let (ids, search) = plan.split_once("; SEARCH ").unwrap();
        assert!(ids.contains(&format!("SCAN {IDS} CONSTANT ROWS")), "{plan}");
        assert_eq!(search, "m USING PRIMARY KEY (id=?)");
    }

    #[test]
    fn every_way_to_read_starts_from_the_index_made_for_it() {
        for (sql, start) in [
            (Sql::Feed, "SEARCH m USING PRIMARY KEY (id>? AND id<?)"),
            (
                Sql::IdsOfUser,
                "SEARCH user_messages USING PRIMARY KEY (user_id=? AND message_id>? AND message_id<?)",
            ),
            (
                Sql::IdsOfHashtag,
                "SEARCH hashtag_messages USING PRIMARY KEY (hashtag_id=? AND message_id>? AND message_id<?)",
            ),
            (
                Sql::BlocksOfUser,
                "SEARCH user_runs USING PRIMARY KEY (user_id=? AND first_id<?)",
            ),
            (
                Sql::BlocksOfHashtag,
                "SEARCH hashtag_runs USING PRIMARY KEY (hashtag_id=? AND first_id<?)",
            ),
            (Sql::Export, "SEARCH m USING PRIMARY KEY (id>?)"),
            (
                Sql::Newest,
                "SEARCH messages USING PRIMARY KEY (id>? AND id<?)",
            ),
            (
                Sql::Counts,
                "SEARCH counts USING PRIMARY KEY (level=? AND era=? AND series=? AND bucket>? AND bucket<?)",
            ),
            (
                Sql::Sum,
                "SEARCH counts USING PRIMARY KEY (level=? AND era=? AND series=? AND bucket>? AND bucket<?)",
            ),
            (
                Sql::MessageOfKey,
                "SEARCH m USING INDEX messages_by_key (user_id=? AND idempotency_key=?)",
            ),
        ] {
            let plan = plan(sql);
            assert!(plan.starts_with(start), "{sql:?}: {plan}");
        }
    }
}
