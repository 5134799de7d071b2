use std::sync::Arc;

use clap::Args;
use labelcast_functions::model::Name;
use labelcast_functions::ports::Clock;

use super::arguments::Data;
use super::failure::{Failure, Outcome};
use super::output;
use crate::data::{DataDirectory, Secrets};
use crate::database::Database;
use crate::sign_in::TokenIssuer;
use crate::users::Users;
use labelcast_functions::system::{SystemClock, SystemRandom};

/// Print an ID token for a local user
///
/// Anyone who has the token can act as the user for an hour.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// User name
    user: Name,
    #[command(flatten)]
    data: Data,
}

impl TokenArguments {
    pub(super) async fn run(self) -> Outcome {
        let directory = DataDirectory::existing(&self.data.data)?;
        let database = Database::open(directory.path())?;
        let users = Users::new(database, Arc::new(SystemClock), Arc::new(SystemRandom));
        let user = users.find(&self.user).await?;
        let user = user.ok_or_else(|| {
            Failure::failed(format!("no user `{}`; list users with `labelcast users list`", self.user))
        })?;
        let secrets = Secrets::of(&directory, &SystemRandom)?;
        let issuer = TokenIssuer::new(&secrets, Arc::new(SystemRandom)).map_err(Failure::failed)?;
        output::line(&issuer.id_token(&user, SystemClock.now()))?;
        Ok(())
    }
}
