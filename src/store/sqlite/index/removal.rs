//! Taking messages out of the lists and counts in the file.

use rusqlite::{Connection, OptionalExtension};

use crate::domain::MessageId;
use crate::store::sqlite::index::postings::{Name, PostingList, minute};
use crate::store::sqlite::rollup::levels::LEVELS;
use crate::store::sqlite::sql::Sql;

/// The statements of one kind of list.
struct Of {
    delete_row: Sql,
    block: Sql,
    delete_block: Sql,
    insert_block: Sql,
    number: i64,
}

impl Of {
    fn name(name: Name) -> Of {
        match name {
            Name::User(number) => Of {
                delete_row: Sql::DeleteUserMessage,
                block: Sql::BlockOfUser,
                delete_block: Sql::DeleteUserBlock,
                insert_block: Sql::InsertUserBlock,
                number,
            },
            Name::Hashtag(number) => Of {
                delete_row: Sql::DeleteHashtagMessage,
                block: Sql::BlockOfHashtag,
                delete_block: Sql::DeleteHashtagBlock,
                insert_block: Sql::InsertHashtagBlock,
                number,
            },
        }
    }
}

/// Takes messages, in order, out of a list, wherever in the file they stand
/// there.
pub(crate) fn unlist_all(
    connection: &Connection,
    name: Name,
    ids: &[MessageId],
) -> rusqlite::Result<()> {
    let of = Of::name(name);
    let mut row = connection.prepare_cached(of.delete_row.text())?;
    let mut rest = ids;
    while let Some((first, others)) = rest.split_first() {
        let taken = of.shorten_block(connection, rest)?;
        if taken == 0 {
            row.execute((of.number, first.to_bytes()))?;
            rest = others;
        } else {
            rest = &rest[taken..];
        }
    }
    Ok(())
}

impl Of {
    /// Takes messages out of the block that has the first of them, if any has;
    /// how many in a row.
    fn shorten_block(&self, connection: &Connection, ids: &[MessageId]) -> rusqlite::Result<usize> {
        let Some(first) = ids.first() else {
            return Ok(0);
        };
        let mut block = connection.prepare_cached(self.block.text())?;
        let found = block.query_row((self.number, first.to_bytes()), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        let Some((key, block)) = found.optional()? else {
            return Ok(0);
        };
        let mut left = Vec::with_capacity(block.len());
        let mut taken = 0;
        for id in block.chunks(16) {
            match ids.get(taken) {
                Some(next) if id == next.to_bytes() => taken += 1,
                _ => left.extend_from_slice(id),
            }
        }
        if taken == 0 {
            return Ok(0);
        }
        let mut delete = connection.prepare_cached(self.delete_block.text())?;
        delete.execute((self.number, key))?;
        if let Some(first) = left.get(..16) {
            let mut insert = connection.prepare_cached(self.insert_block.text())?;
            insert.execute((self.number, first, &left))?;
        }
        Ok(taken)
    }
}

/// Takes a message out of the counts of a list, if the list has any.
pub(crate) fn uncount(
    connection: &Connection,
    list: PostingList,
    id: MessageId,
) -> rusqlite::Result<()> {
    let Some(series) = list.series() else {
        return Ok(());
    };
    let mut take = connection.prepare_cached(Sql::TakeCount.text())?;
    let mut drop_empty = connection.prepare_cached(Sql::DropCount.text())?;
    for level in LEVELS {
        let (era, bucket) = level.place(minute(id));
        take.execute((level.width, era, series, bucket, 1))?;
        drop_empty.execute((level.width, era, series, bucket))?;
    }
    Ok(())
}
