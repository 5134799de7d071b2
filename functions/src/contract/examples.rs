//! An example of each request, response and message. Tests hold them against their schemas.

use serde_json::{Value, json};

pub(super) const IMAGE: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
pub(super) const UPLOAD: &str = "0b7c1f6a5d2e49d38f14c6a7e9b03d52";
pub(super) const CURSOR: &str = "f3db6502df3a5448-7";
const NOTIFICATION: &str = "5d41402abc4b2a76b9719d911017c592";
const AT: &str = "2026-11-25T09:30:00Z";

/// The body of a request.
pub(super) fn request(operation: &str) -> Option<Value> {
    Some(match operation {
        "begin_upload" => json!({"name": "cat.jpg", "content_type": "image/jpeg", "size": 12_345}),
        "publish" => json!({"event": "build.done", "data": {"number": 7431, "ok": true}}),
        _ => return None,
    })
}

/// The body of the response when all is well.
pub(super) fn response(operation: &str) -> Option<Value> {
    Some(match operation {
        "begin_upload" => json!({
            "upload_id": UPLOAD, "url": "http://127.0.0.1:8080/objects", "expires_at": AT,
            "fields": {"key": format!("new/{UPLOAD}"), "Content-Type": "image/jpeg", "policy": "eyJ…", "x-amz-signature": "…"},
        }),
        "show_upload" => json!({"upload_id": UPLOAD, "state": "labelled", "image_id": IMAGE}),
        "search_images" | "search_by_key" => json!({"images": [image("visible")], "next": null}),
        "show_image" => image("visible"),
        "complete_label" => json!({"labels": [{"name": "dog", "count": 12}]}),
        "list_moderation" => {
            let mut queued = image("pending");
            queued["moderation"] = moderation();
            json!({"images": [queued], "next": null})
        }
        "read_history" => json!({"notifications": [labelled()], "cursor": CURSOR, "recovered": true}),
        "publish" => json!({"id": NOTIFICATION}),
        _ => return None,
    })
}

/// The body of an error.
pub(super) fn error(status: &str) -> Option<Value> {
    let (code, message) = match status {
        "400" => ("bad_request", "`limit` must be a number from 1 to 200"),
        "401" => ("unauthorized", "no token was sent: sign in, and send the ID token as `Authorization: Bearer …`"),
        "403" => ("forbidden", "only members of the group `moderators` may do this"),
        "404" => ("not_found", "no such image"),
        "409" => (
            "conflict",
            "this `Idempotency-Key` was already used for a different request within 24 hours; use a new one",
        ),
        "413" => ("too_large", "too large: 16 MB (limit 15 MB)"),
        "415" => ("unsupported_type", "`image/gif` is not supported: send image/jpeg, image/png or image/webp"),
        "429" => ("rate_limited", "too many uploads: 5000 within the last hour; try again later"),
        "500" => ("internal", "internal error; the operator can find the reason in the log"),
        "503" => ("unavailable", "temporarily unavailable; try again in a moment"),
        "507" => ("no_space", "the server has run out of storage; contact its operator"),
        _ => return None,
    };
    Some(json!({"error": {"code": code, "message": message}}))
}

/// The payload of a message on the socket.
pub(super) fn message(name: &str) -> Option<Value> {
    let position = json!({"topic": "labels", "recovered": true, "cursor": CURSOR});
    let mine = json!([{"topic": "uploads", "seq": 3, "cursor": "0c2f6502df3a5448-3"}]);
    Some(match name {
        "subscribe" => json!({
            "action": "subscribe", "topics": ["labels"], "filter": "dog -person", "since": {"labels": CURSOR}, "ref": "1"
        }),
        "unsubscribe" => json!({"action": "unsubscribe", "topics": ["labels"], "ref": "2"}),
        "set_notify_list" => json!({"action": "set_notify_list", "topics": ["device:42", "uploads"], "ref": "3"}),
        "refresh" => json!({"action": "refresh", "token": "eyJ…", "ref": "4"}),
        "ping" => json!({"action": "ping", "ref": "5"}),
        "subscribed" => json!({"type": "subscribed", "ref": "1", "topics": [position]}),
        "unsubscribed" => json!({"type": "unsubscribed", "ref": "2", "topics": ["labels"]}),
        "notify_list" => json!({"type": "notify_list", "ref": "3", "topics": [position]}),
        "refreshed" => json!({"type": "refreshed", "ref": "4", "expires_at": AT, "dropped": []}),
        "pong" => json!({"type": "pong", "ref": "5", "connection_id": "YkOibd6goAMCLjg="}),
        "error" => {
            json!({"type": "error", "ref": "1", "code": "forbidden", "message": "You may not read `moderation`."})
        }
        "closing" => json!({
            "type": "closing", "code": "server_shutdown", "retry": true,
            "message": "the server is restarting; reconnect and resume with your cursors"
        }),
        "upload.received" => notification("upload.received", &mine, &json!({"upload_id": UPLOAD})),
        "upload.rejected" | "upload.failed" => notification(
            name,
            &mine,
            &json!({"upload_id": UPLOAD, "reason": "The file isn't a picture. Send a JPEG, PNG or WebP file."}),
        ),
        "image.labelled" => {
            let mut labelled = labelled();
            labelled["type"] = json!("notification");
            labelled
        }
        "image.offensive" => {
            let topics = json!([{"topic": "moderation", "seq": 1, "cursor": "77aa6502df3a5448-1"}]);
            notification(name, &topics, &json!({"image": image("pending"), "moderation": moderation()}))
        }
        "image.removed" => notification(name, &on_labels(), &json!({"image_id": IMAGE})),
        "app" => {
            let topics = json!([{"topic": "app:builds", "seq": 12, "cursor": "51bb6502df3a5448-12"}]);
            notification("build.done", &topics, &json!({"number": 7431, "ok": true}))
        }
        _ => return None,
    })
}

fn notification(event: &str, topics: &Value, data: &Value) -> Value {
    json!({"type": "notification", "id": NOTIFICATION, "event": event, "at": AT, "topics": topics, "data": data})
}

fn on_labels() -> Value {
    json!([{"topic": "labels", "seq": 7, "cursor": CURSOR}])
}

/// As history has it: without `type`.
fn labelled() -> Value {
    let topics = on_labels();
    json!({"id": NOTIFICATION, "event": "image.labelled", "at": AT, "topics": topics, "data": {"image": image("visible")}})
}

fn moderation() -> Value {
    json!([{"name": "Graphic Violence", "parent": "Violence", "confidence": 98.5, "source": "builtin"}])
}

fn image(status: &str) -> Value {
    let offensive = status != "visible";
    let url =
        |kind: &str| format!("http://127.0.0.1:8080/objects/{kind}/{IMAGE}?X-Amz-Signature=…").replace('…', "e3b0c442");
    let dog = json!({"name": "dog", "confidence": 97.25, "source": "efficientnet-lite0", "parents": ["pet", "animal"]});
    let grass = json!({"name": "grass", "confidence": 88, "source": "builtin"});
    json!({
        "image_id": IMAGE, "labels": [dog, grass],
        "offensive": offensive, "status": status, "width": 1600, "height": 1200, "content_type": "image/jpeg",
        "size": 12_345, "uploaded_at": AT, "labelled_at": AT, "thumbnail": url("thumbnail"), "original": url("original"),
        "colors": [{"name": "green", "hex": "#3a7d2c", "percent": 41.5}], "version": 1
    })
}
