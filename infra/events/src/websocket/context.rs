//! The caller as the authorizer's context carries it to the later events of the connection.

use std::collections::{BTreeSet, HashMap};

use chrono::{TimeZone, Utc};
use labelcast_functions::model::Caller;
use serde_json::Value;

/// Texts only, since values may not be objects (authorizer output, API Gateway developer guide).
pub(super) fn of(caller: &Caller) -> HashMap<String, String> {
    let groups = serde_json::to_string(&caller.groups).expect("texts are plain data, which JSON can hold");
    HashMap::from([
        ("user".to_owned(), caller.user.to_string()),
        ("username".to_owned(), caller.username.clone()),
        ("groups".to_owned(), groups),
        ("expires_at".to_owned(), caller.expires_at.timestamp().to_string()),
        ("account_version".to_owned(), caller.account_version.to_string()),
    ])
}

/// The way back; `None` if the context names no caller.
pub(super) fn caller(context: &HashMap<String, Value>) -> Option<Caller> {
    let text = |name: &str| context.get(name).and_then(Value::as_str);
    let groups: BTreeSet<String> = serde_json::from_str(text("groups")?).ok()?;
    Some(Caller {
        user: text("user")?.parse().ok()?,
        username: text("username")?.to_owned(),
        groups,
        expires_at: Utc.timestamp_opt(text("expires_at")?.parse().ok()?, 0).single()?,
        account_version: text("account_version").map_or(Some(0), |version| version.parse().ok())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_round_trips_and_is_never_fabricated() {
        let caller = Caller {
            user: "3f2a".parse().unwrap(),
            username: "ann".to_owned(),
            groups: ["moderators", "a, \"b\""].map(str::to_owned).into(),
            expires_at: Utc.timestamp_opt(1_795_200_228, 0).unwrap(),
            account_version: 7,
        };
        let mut context: HashMap<String, Value> =
            of(&caller).into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        assert_eq!(super::caller(&context), Some(caller.clone()));
        // Written by an earlier version.
        context.remove("account_version");
        assert_eq!(super::caller(&context), Some(Caller { account_version: 0, ..caller }));
        for name in ["user", "username", "groups", "expires_at"] {
            let mut incomplete = context.clone();
            incomplete.remove(name);
            assert_eq!(super::caller(&incomplete), None, "{name}");
        }
    }
}
