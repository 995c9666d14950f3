//! Taking a message out of the lists and counts in the file.

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

/// Takes a message out of a list, wherever in the file it stands there.
pub(crate) fn unlist(connection: &Connection, name: Name, id: MessageId) -> rusqlite::Result<()> {
    let of = Of::name(name);
    let place = (of.number, id.to_bytes());
    let mut row = connection.prepare_cached(of.delete_row.text())?;
    if row.execute(place)? > 0 {
        return Ok(());
    }
    let mut block = connection.prepare_cached(of.block.text())?;
    let found = block.query_row(place, |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    let Some((first, ids)) = found.optional()? else {
        return Ok(());
    };
    let is_other = |at: &&[u8]| **at != id.to_bytes();
    let left = ids.chunks(16).filter(is_other).collect::<Vec<_>>().concat();
    if left.len() == ids.len() {
        return Ok(());
    }
    let mut delete = connection.prepare_cached(of.delete_block.text())?;
    delete.execute((of.number, first))?;
    if let Some(first) = left.get(..16) {
        let mut insert = connection.prepare_cached(of.insert_block.text())?;
        insert.execute((of.number, first, &left))?;
    }
    Ok(())
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
