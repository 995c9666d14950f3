//! What every store must do, written once over the trait. A backend names a
//! [`Fixture`] and `contract_suite!` makes one test of each behaviour.

pub mod archive;
pub mod following;
pub mod life;
pub mod model;
pub mod moving;
pub mod posting;
pub mod reading;
pub mod removal;
pub mod retention;
pub mod tokens;
pub mod trends;

use std::sync::Arc;

use async_trait::async_trait;
use dunder::domain::{
    Draft, FeedFilter, FeedPage, Message, MessageId, Range, Record, Series, Store, TrendFilter,
};

/// A store of one backend, empty at first and nobody else's.
#[async_trait]
pub trait Fixture: Send + Sync + Sized {
    /// A new one on every server there is of this kind.
    async fn fresh() -> Vec<Self>;
    /// The open store.
    fn store(&self) -> Arc<dyn Store>;
    /// Closes the store and opens it again over the same data.
    async fn reopen(&mut self);
}

/// One test a behaviour for the backend of a fixture.
macro_rules! contract_suite {
    ($fixture:ty) => {
        $crate::contract::contract_suite! { @ $fixture:
            posting::a_message_is_read_back_exactly_as_posted,
            posting::ids_rise_from_post_to_post,
            posting::what_was_posted_is_in_the_next_read,
            posting::one_key_posts_one_message,
            posting::a_key_used_for_something_else_names_the_first_message,
            posting::a_key_belongs_to_its_user,
            posting::one_key_from_many_posters_at_once_is_one_message,
            posting::of_two_bodies_racing_for_a_key_one_wins,
            posting::sixty_four_posters_lose_nothing,
            reading::every_combination_of_filters_pages_to_the_end,
            reading::posts_and_imports_in_turn_are_read_at_once,
            reading::dates_include_their_start_and_exclude_their_end,
            reading::a_page_has_a_cursor_only_when_another_follows,
            reading::names_nobody_used_match_nothing,
            reading::users_are_found_by_how_they_start,
            reading::hashtags_that_meet_rarely_are_still_found,
            trends::trends_of_every_width_follow_the_model,
            trends::calendar_buckets_of_any_zone_follow_the_model,
            trends::trend_feed_and_tags_give_one_number,
            trends::a_message_counts_once_in_each_of_its_series,
            trends::the_busiest_hashtags_follow_the_model,
            moving::importing_twice_stores_once,
            moving::taken_ids_and_keys_are_named,
            moving::a_refused_record_leaves_nothing_behind,
            moving::imported_keys_hold_for_posts,
            moving::export_import_export_is_identical,
            moving::an_import_of_nothing_is_nothing,
            tokens::a_token_is_found_by_its_secret_and_revoked_once,
            tokens::tokens_are_listed_oldest_first,
            moving::messages_of_the_future_move_no_clock_and_no_count,
            removal::a_deleted_message_is_nowhere_and_its_tombstone_says_so,
            removal::a_retried_post_of_a_deleted_message_is_refused,
            removal::an_import_brings_no_deleted_message_back,
            removal::tombstones_move_with_the_messages,
            removal::many_are_deleted_at_once_or_none,
            removal::followers_are_told_of_deletions_in_order,
            removal::feed_trend_and_tags_agree_whatever_is_deleted,
            retention::what_is_evicted_is_nowhere_and_counts_still,
            retention::a_hashtag_can_be_kept_for_a_time_of_its_own,
            retention::an_import_of_what_may_have_been_evicted_is_refused,
            retention::a_key_is_free_again_once_its_message_is_evicted,
            retention::work_is_leased_to_one_at_a_time,
            retention::who_follows_is_told_what_is_gone,
            retention::feed_trend_and_tags_are_right_whatever_is_evicted,
            archive::a_store_is_told_from_others_by_a_name_that_stays,
            archive::a_day_has_the_file_that_was_named_last,
            archive::a_day_that_lost_a_message_meanwhile_is_not_swapped,
            archive::a_message_that_only_an_archive_has_is_deleted_with_its_counts,
            following::who_follows_sees_every_message_once_and_in_order,
            following::every_filter_is_told_what_it_wants_and_where_to_go_on,
            following::what_is_posted_after_a_position_is_behind_it_at_every_opening,
            following::messages_of_the_future_hide_no_post,
            following::who_follows_one_hashtag_live_from_behind_is_told_of_no_import,
            following::what_an_import_puts_ahead_of_the_clock_is_never_live_and_hides_no_post,
            life::closing_and_opening_again_keeps_everything,
            life::a_closed_store_takes_no_posts,
            life::posts_taken_before_closing_are_kept,
        }
    };
    (@ $fixture:ty: $($module:ident :: $name:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                for mut fixture in <$fixture as $crate::contract::Fixture>::fresh().await {
                    $crate::contract::$module::$name(&mut fixture).await;
                }
            }
        )*
    };
}
pub(crate) use contract_suite;

/// A draft without a key.
pub fn draft(user: &str, text: &str, tags: &[&str]) -> Draft {
    Draft::new(user.parse().unwrap(), text.to_owned(), tags).unwrap()
}

/// A draft with a key.
pub fn keyed(user: &str, text: &str, tags: &[&str], key: &str) -> Draft {
    let mut draft = draft(user, text, tags);
    draft.idempotency_key = Some(key.parse().unwrap());
    draft
}

/// A record of a time (Unix milliseconds) under the id derived from it.
pub fn record(draft: Draft, millis: i64) -> Record {
    let at = chrono::DateTime::from_timestamp_millis(millis).unwrap();
    Record::new(draft, None, at).unwrap()
}

/// Every message a filter finds, page by page; checks that each page but the
/// last is full.
pub async fn pages(store: &dyn Store, filter: &FeedFilter) -> Vec<Message> {
    let mut filter = filter.clone();
    let mut found = Vec::new();
    loop {
        let FeedPage {
            messages,
            next_cursor,
            ..
        } = store.feed(&filter).await.unwrap();
        let full = messages.len() == filter.limit.get();
        found.extend(messages);
        match next_cursor {
            None => return found,
            Some(cursor) => {
                assert!(full, "a page that is not the last is full");
                assert_eq!(Some(cursor), found.last().map(|last| last.id));
                filter.cursor = Some(cursor);
            }
        }
    }
}

/// Everything the store exports, in small pages.
pub async fn export(store: &dyn Store) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    loop {
        let after = records.last().map(|last| last.message.id);
        let page = store.export(after, 7).await.unwrap();
        assert!(page.len() <= 7);
        if page.is_empty() {
            return records;
        }
        records.extend(page);
    }
}

/// The sum over all time of the series of some hashtags, or of all messages.
pub async fn totals(store: &dyn Store, hashtags: &[&str]) -> Vec<u64> {
    let mut filter = all_time("1day");
    filter.hashtags = hashtags.iter().map(|tag| tag.parse().unwrap()).collect();
    let sum = |series: Series| series.into_iter().map(|(_, count)| count).sum();
    store
        .trend(&filter)
        .await
        .unwrap()
        .into_iter()
        .map(sum)
        .collect()
}

/// From 1970 to 2100.
pub fn all_dates() -> Range {
    let date = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    Range::new(date(0), date(4_102_444_800)).unwrap()
}

/// All buckets of that time.
pub fn all_time(interval: &str) -> TrendFilter {
    TrendFilter::unlimited(all_dates(), interval.parse().unwrap()).unwrap()
}

/// The ids of messages.
pub fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}
