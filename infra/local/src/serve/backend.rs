//! What endpoints share.

use super::place::Place;
use super::provider::LocalProvider;
use crate::gateway::Gateway;
use crate::jobs::Dispatcher;
use crate::objects::FileObjects;
use crate::sign_in::{SignIn, TokenIssuer};

/// What stands behind the endpoints.
pub(super) struct Backend<'a> {
    pub(super) provider: &'a LocalProvider,
    pub(super) place: &'a Place,
    pub(super) sign_in: &'a SignIn,
    pub(super) issuer: &'a TokenIssuer,
    pub(super) objects: &'a FileObjects,
    pub(super) gateway: &'a Gateway,
    pub(super) dispatcher: &'a Dispatcher,
    /// What people should know of the detectors.
    pub(super) notice: Option<String>,
}
