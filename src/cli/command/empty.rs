//! What to say when nothing was found: where there is something.

use chrono::Duration;

use crate::api::{self, FeedPage, FeedQuery};
use crate::cli::client::{Answer, Client};
use crate::cli::ui::Ui;
use crate::output::tags::Period;

/// Tells a person who found nothing in a period when the newest message
/// before its end was, of those with all of some hashtags.
pub(crate) async fn point_to_data(
    client: &Client,
    period: Period,
    hashtags: &[String],
    ui: &mut Ui,
) {
    let query = FeedQuery {
        to_date: Some(api::time::format_millis(&period.to)),
        limit: Some("1".to_owned()),
        hashtag: hashtags.to_vec(),
        ..FeedQuery::default()
    };
    let answer: Result<Answer<FeedPage>, _> =
        client.get("/message", &query.to_query_string()).await;
    // It is a remark: what cannot be found out is not said.
    let Ok(answer) = answer else { return };
    let remark = match answer.data.messages.first() {
        Some(newest) if newest.created_at < period.from => {
            let newest = period.clock.zone.at(newest.created_at);
            let month_before = newest - Duration::days(30);
            format!(
                "(the newest message before is of {}: try --since {})",
                newest.format("%Y-%m-%d"),
                month_before.format("%Y-%m-%d")
            )
        }
        Some(_) => "(the messages of this time carry no hashtags)".to_owned(),
        None => "(there are no messages before either)".to_owned(),
    };
    ui.remark(&remark);
}
