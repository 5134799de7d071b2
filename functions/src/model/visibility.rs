//! Who may see an image. REST, search, push, history and counts all ask here; the stores keep the answer as an index, which
//! a test compares with it. See `docs/guarantees.md#offensive-pictures`.

use super::{Caller, Image, Status, Topic, TopicKey, UserId};

/// For whom one looks: what they may not see does not exist for them, not in pages, not in counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience<'a> {
    /// Someone signed in, or a program with a key: visible and approved images. The user is whom `by:me` means.
    Viewer(Option<&'a UserId>),
    /// A moderator, who sees all images. The user is whom `by:me` means.
    Moderator(Option<&'a UserId>),
}

impl<'a> Audience<'a> {
    /// All who are signed in, none of them in particular: what they may see is public.
    pub const EVERYONE: Audience<'static> = Audience::Viewer(None);

    /// What this caller is.
    pub fn of(caller: &'a Caller) -> Self {
        if caller.is_moderator() { Self::Moderator(Some(&caller.user)) } else { Self::Viewer(Some(&caller.user)) }
    }

    /// Those who read a topic, as far as they are known by it. That `moderation` is read by nobody else is for
    /// [`Readers`](crate::settings::Readers) to see to.
    pub const fn reading(topic: &'a TopicKey) -> Self {
        match topic {
            TopicKey::Shared(Topic::Moderation) => Self::Moderator(None),
            TopicKey::Shared(_) => Self::EVERYONE,
            TopicKey::Uploads(user) => Self::Viewer(Some(user)),
        }
    }

    /// Whether an image of this status exists for them.
    pub const fn may_see(self, status: Status) -> bool {
        match status {
            Status::Visible | Status::Approved => true,
            Status::Pending | Status::Removed => self.is_moderator(),
        }
    }

    /// Whether this image exists for them. Before it has a result, it exists for nobody.
    pub fn sees(self, image: &Image) -> bool {
        image.result.as_ref().is_some_and(|stored| self.may_see(stored.status))
    }

    /// Whether there is nothing that they may not see. An index has two parts: what is public, and the rest, which is for
    /// these.
    pub const fn is_moderator(self) -> bool {
        matches!(self, Self::Moderator(_))
    }

    /// Whom `by:me` means; a program's key stands for nobody.
    pub const fn user(self) -> Option<&'a UserId> {
        match self {
            Self::Viewer(user) | Self::Moderator(user) => user,
        }
    }
}

impl Status {
    /// Whether [everyone](Audience::EVERYONE) may see the image.
    pub const fn is_public(self) -> bool {
        Audience::EVERYONE.may_see(self)
    }
}

impl Image {
    /// Whether [everyone](Audience::EVERYONE) may see it.
    pub fn is_public(&self) -> bool {
        Audience::EVERYONE.sees(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offensive_image_is_visible_only_to_moderators_until_approved() {
        let somebody: UserId = "somebody".parse().unwrap();
        for user in [None, Some(&somebody)] {
            let seen = |status| (Audience::Viewer(user).may_see(status), Audience::Moderator(user).may_see(status));
            assert_eq!(seen(Status::Visible), (true, true));
            assert_eq!(seen(Status::Approved), (true, true));
            assert_eq!(seen(Status::Pending), (false, true));
            assert_eq!(seen(Status::Removed), (false, true));
        }
    }

    #[test]
    fn a_topic_shows_only_what_all_its_readers_may_see() {
        for status in [Status::Visible, Status::Approved, Status::Pending, Status::Removed] {
            let shown = |topic: &str| Audience::reading(&topic.parse().unwrap()).may_see(status);
            assert_eq!(shown("labels"), status.is_public(), "{status:?}");
            assert_eq!(shown("app:x"), status.is_public(), "{status:?}");
            assert_eq!(shown("uploads:somebody"), status.is_public(), "bringing it is no right to see it: {status:?}");
            assert!(shown("moderation"), "{status:?}");
        }
    }
}
