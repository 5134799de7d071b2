//! Sockets: who connects, what they subscribe to, and how notifications reach them.

mod authorize;
mod connect;
mod deliver;
mod disconnect;
mod entry;
mod history;
mod message_rate;
mod notify;
mod partition;
mod publish;
mod receivers;
mod render;
mod replay;
mod replay_budget;
mod replay_order;
mod route;
mod subscribe;
mod sweep;
mod undelivered;

pub use authorize::{Authorize, AuthorizeError};
pub use connect::{Connect, Connected};
pub use deliver::Deliver;
pub use disconnect::Disconnect;
pub use history::HistoryApi;
pub use message_rate::{Excess, MessageRate};
pub use notify::Notify;
use notify::unserved;
pub use partition::{PartitionedFanOut, Undispatched};
pub use publish::PublishApi;
pub use replay_budget::ReplayBudget;
pub use route::{Admission, Route};
pub use sweep::{Sweep, Swept};
pub use undelivered::CloseSubscribers;
