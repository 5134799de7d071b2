//! Forms by which a browser uploads straight to S3, or to the one-machine home, which takes the same forms.

mod check;
mod condition;
mod form;

pub use check::{Accepted, IncomingForm, PostPolicy};
pub use form::{PostForm, PresignedPost, post_form};
