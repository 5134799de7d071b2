/// Makes a test of every promise of the contract for a backend.
#[macro_export]
macro_rules! contract {
    ($backend:ty) => {
        $crate::promises! { $backend;
            uploads: [
                an_upload_round_trips,
                a_user_over_the_quota_cannot_begin_an_upload,
                concurrent_uploads_do_not_exceed_the_quota,
                uploads_are_counted_by_user_and_age,
                only_a_pending_upload_is_rejected,
                pending_and_received_uploads_fail,
                stale_uploads_come_oldest_first,
                old_completed_uploads_are_forgotten,
            ],
            images: [
                an_attached_image_round_trips,
                attaching_again_returns_the_same_result,
                an_upload_attaches_to_only_one_image,
                two_uploads_of_the_same_bytes_are_one_image,
                a_duplicate_that_races_with_the_result_is_not_forgotten,
                concurrent_uploads_of_the_same_bytes_are_all_attached,
                an_image_lists_everyone_who_uploaded_it,
                a_result_is_stored_once,
                a_missing_image_gets_no_result,
                a_late_result_replaces_failed,
                several_images_are_read_in_one_call,
                the_moderation_queue_is_paged_oldest_first,
            ],
            labels: [
                labels_come_most_frequent_first,
                labels_of_hidden_images_are_not_listed,
                every_image_is_counted_once,
                an_image_with_very_many_labels_is_counted_for_each,
            ],
            removal: [
                a_removed_image_is_gone,
                a_removal_only_applies_to_the_image_it_was_requested_for,
                an_uploader_can_only_remove_an_image_nobody_else_uploaded,
                concurrent_removal_and_upload_leave_no_partial_image,
                a_late_removal_does_not_remove_a_new_upload_of_the_image,
                an_upload_of_a_removed_image_never_attaches_again,
            ],
            lifecycle: [
                rows_and_files_agree_under_any_interleaving_of_uploads_and_deletions,
            ],
            sweep: [
                a_connection_that_cannot_be_closed_does_not_block_the_sweep,
                unused_forms_do_not_hide_a_stalled_upload,
                an_upload_with_a_waiting_job_is_not_reported_as_failed,
            ],
            candidates: [
                paged_results_equal_a_full_scan,
            ],
            visibility: [
                the_stores_index_agrees_with_the_visibility_rule,
            ],
            history: [
                entries_are_numbered_without_gaps,
                an_entry_round_trips,
                a_repeated_append_keeps_its_number_and_adds_nothing,
                concurrent_appends_leave_no_gaps_and_no_duplicates,
                an_empty_topic_has_a_head,
                epochs_and_entries_survive_a_restart,
                the_watermark_reaches_delivered_entries_and_never_passes_ones_in_flight,
                history_is_read_in_chunks,
                entries_that_are_recent_or_among_the_newest_are_kept,
                numbers_continue_after_everything_was_forgotten,
                a_recreated_topic_never_recovers_an_old_cursor,
                an_unused_topic_is_deleted_and_its_cursors_are_never_recovered,
            ],
            partitions: [
                the_watermark_stays_below_until_the_last_partition_is_done,
                a_partition_completed_twice_does_not_count_for_another,
                partitions_of_different_notifications_are_independent,
                a_notification_partitioned_again_completes_again,
                many_notifications_are_partitioned_concurrently,
            ],
            idempotency: [
                a_repeated_request_gets_the_first_id,
                a_repeated_request_learns_whether_the_first_completed,
                reusing_a_key_for_another_request_is_a_conflict,
                two_programs_do_not_share_keys,
                a_claim_is_valid_for_24_hours,
                only_claims_older_than_24_hours_are_forgotten,
                a_claim_survives_a_restart,
                only_one_of_several_concurrent_claims_is_first,
            ],
            keys: [
                a_key_is_found_with_its_scopes,
                an_unknown_secret_finds_no_key,
                a_removed_key_is_not_found,
            ],
            connections: [
                a_connection_round_trips,
                the_connections_of_a_user_are_limited,
                a_late_cleanup_does_not_remove_a_new_session,
                a_removed_connection_has_no_subscriptions,
                messages_beyond_the_rate_are_refused,
                a_flood_is_warned_once_a_second_and_then_closed,
                a_connection_has_at_most_one_subscription_per_topic,
                replacing_all_subscriptions_ends_the_ones_not_named,
                too_many_subscriptions_are_refused_as_a_whole,
                ended_subscriptions_are_gone,
                a_refresh_updates_the_caller,
                connections_past_their_grace_are_found,
            ],
            fan_out: [
                no_receiver_is_due_a_notification_covered_by_its_replay,
                going_live_sends_the_response_after_the_replay,
                a_gone_connection_does_not_go_live,
                filters_are_found_through_their_buckets,
                an_ended_subscription_is_due_nothing,
            ],
            push: [
                a_frame_reaches_all_its_receivers,
                gone_receivers_are_named,
                a_frame_of_32_kib_arrives_whole,
                a_connection_is_closed_after_its_pending_frames,
            ],
            objects: [
                an_object_round_trips,
                a_deleted_object_is_gone,
                objects_are_listed_by_prefix,
                only_the_checked_version_is_copied,
                a_signed_form_stores_its_object,
                a_form_allows_nothing_else,
                a_signed_link_fetches_its_object,
                a_tampered_link_is_refused,
            ],
            delivery: [
                a_job_arrives_through_the_queue,
                events_arrive_through_the_bus,
                every_event_has_its_own_result,
            ],
            translation: [
                words_are_translated_into_english_labels,
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
    fn every_contract_test_is_registered() {
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
