/// Makes a test of every promise of the contract for a backend.
#[macro_export]
macro_rules! contract {
    ($backend:ty) => {
        $crate::promises! { $backend;
            uploads: [
                an_upload_is_read_as_it_was_stored,
                a_user_over_the_quota_stores_nothing,
                uploads_begun_at_once_do_not_exceed_the_quota,
                uploads_are_counted_by_user_and_age,
                only_a_pending_upload_is_rejected,
                pending_and_received_uploads_fail,
                stale_uploads_come_oldest_first,
                old_uploads_that_have_ended_are_forgotten,
            ],
            images: [
                an_image_is_read_as_it_was_attached,
                attaching_again_answers_the_same,
                an_upload_is_attached_to_one_image_only,
                two_uploads_of_the_same_bytes_are_one_image,
                a_duplicate_that_races_with_the_result_is_not_forgotten,
                uploads_of_the_same_bytes_at_once_are_all_attached,
                an_image_knows_everyone_who_brought_it,
                a_result_is_stored_once,
                an_image_that_is_not_there_gets_no_result,
                a_late_result_replaces_failed,
                several_images_are_read_at_once,
                the_moderation_queue_is_paged_oldest_first,
            ],
            labels: [
                labels_come_most_frequent_first,
                labels_of_what_one_may_not_see_do_not_exist,
                every_image_counts_once,
                an_image_of_very_many_labels_counts_for_each,
            ],
            removal: [
                a_removed_image_is_gone,
                only_the_image_that_came_then_is_removed,
                an_uploader_removes_only_what_nobody_else_brought,
                removing_and_bringing_at_once_leave_no_half_image,
                a_late_removal_does_not_take_what_came_again,
                an_upload_of_a_removed_image_attaches_no_more,
            ],
            lifecycle: [
                rows_and_files_agree_however_uploads_and_deletions_interleave,
            ],
            sweep: [
                a_connection_that_cannot_be_closed_holds_up_nothing,
                unused_forms_do_not_hide_an_upload_that_hangs,
                an_upload_whose_job_waits_is_not_called_failed,
            ],
            candidates: [
                pages_are_what_a_reading_of_all_images_finds,
            ],
            visibility: [
                the_index_of_a_store_is_what_an_audience_may_see,
            ],
            history: [
                entries_are_numbered_without_holes,
                an_entry_is_read_as_it_was_appended,
                a_repeat_keeps_its_number_and_adds_nothing,
                appending_at_once_leaves_no_holes_and_no_doubles,
                an_empty_topic_has_a_head,
                epochs_and_entries_survive_a_restart,
                the_mark_reaches_what_is_settled_and_never_passes_what_is_written,
                history_is_read_in_parts,
                what_is_young_or_among_the_newest_is_kept,
                numbers_go_on_after_everything_was_forgotten,
                a_topic_that_comes_back_calls_no_old_cursor_recovered,
                a_topic_that_nobody_uses_goes_and_no_cursor_of_it_is_recovered,
            ],
            partitions: [
                the_mark_stays_below_until_the_last_part_has_ended,
                a_part_that_ends_twice_stands_for_no_other,
                parts_of_one_notification_are_not_those_of_another,
                what_is_divided_again_ends_again,
                many_are_divided_at_once,
            ],
            idempotency: [
                a_repeat_gets_the_first_id,
                a_repeat_tells_whether_the_first_was_done,
                the_same_key_for_something_else_is_a_conflict,
                two_programs_do_not_share_keys,
                a_claim_counts_for_24_hours,
                only_claims_older_than_24_hours_are_forgotten,
                a_claim_outlives_a_restart,
                of_claims_at_once_one_is_first,
            ],
            keys: [
                a_key_is_found_with_what_it_allows,
                an_unknown_secret_finds_no_key,
                a_removed_key_is_not_found,
            ],
            connections: [
                a_connection_is_read_as_it_was_added,
                a_user_has_no_more_connections_than_allowed,
                a_late_clean_up_does_not_kill_a_new_session,
                a_removed_connection_has_no_subscriptions,
                messages_beyond_the_rate_are_refused,
                a_flood_is_answered_once_a_second_and_then_closed,
                a_topic_has_one_subscription_a_connection,
                replacing_all_ends_what_is_not_named,
                too_many_subscriptions_are_refused_as_a_whole,
                ended_subscriptions_are_gone,
                a_refresh_rewrites_who_one_is,
                connections_whose_grace_is_over_are_found,
            ],
            fan_out: [
                nobody_is_due_what_was_or_will_be_replayed,
                going_live_sends_the_answer_after_the_replay,
                a_connection_that_is_gone_does_not_go_live,
                filters_are_found_by_where_they_are_filed,
                who_is_no_longer_subscribed_is_due_nothing,
            ],
            push: [
                a_frame_reaches_everyone_it_is_for,
                who_is_gone_is_named,
                a_frame_of_32_kib_arrives_whole,
                a_connection_is_closed_after_what_was_sent_to_it,
            ],
            objects: [
                an_object_is_read_as_it_was_written,
                a_deleted_object_is_gone,
                objects_are_listed_by_the_beginning_of_their_keys,
                only_what_was_checked_is_copied,
                a_signed_form_makes_its_object,
                a_form_allows_nothing_else,
                a_signed_link_fetches_its_object,
                a_link_that_was_changed_is_refused,
            ],
            delivery: [
                a_job_reaches_the_other_end_of_the_queue,
                events_reach_the_other_end_of_the_bus,
                every_event_has_its_own_outcome,
            ],
            translation: [
                words_become_english_labels,
            ],
        }
    };
}

/// A module of tests for each module of the contract.
#[doc(hidden)]
#[macro_export]
macro_rules! promises {
    ($backend:ty; $($partition:ident: [$($promise:ident,)*],)*) => {
        $(mod $partition {
            use super::*;
            $(#[tokio::test]
            async fn $promise() {
                let backend = <$backend as $crate::contract::Backend>::fresh().await;
                $crate::contract::$partition::$promise(backend).await;
            })*
        })*
    };
}

#[cfg(test)]
mod tests {
    /// A promise that stands in a file but not in the list would never be tried.
    #[test]
    fn every_promise_is_in_the_list() {
        let list = include_str!("promises.rs");
        let files = [
            include_str!("uploads.rs"),
            include_str!("images.rs"),
            include_str!("labels.rs"),
            include_str!("removal.rs"),
            include_str!("lifecycle.rs"),
            include_str!("sweep.rs"),
            include_str!("candidates.rs"),
            include_str!("visibility.rs"),
            include_str!("history.rs"),
            include_str!("partitions.rs"),
            include_str!("idempotency.rs"),
            include_str!("keys.rs"),
            include_str!("connections.rs"),
            include_str!("fan_out.rs"),
            include_str!("push.rs"),
            include_str!("objects.rs"),
            include_str!("delivery.rs"),
            include_str!("translation.rs"),
        ];
        let promises = files.iter().flat_map(|file| file.split("\npub async fn ").skip(1));
        let names: Vec<&str> = promises.filter_map(|promise| promise.split('(').next()).collect();
        assert!(names.len() > 50, "{names:?}");
        for name in names {
            assert!(list.contains(&format!(" {name},\n")), "`{name}` is missing in the list");
        }
    }
}
