//! The product's vocabulary, as types that cannot hold invalid values.

mod analysis;
mod caller;
mod connection;
mod cursor;
mod event;
mod image;
mod job;
mod label;
mod name;
mod notification;
mod source;
mod taxonomy;
mod topic;
mod upload;
mod visibility;

pub use analysis::{Analysis, Color, Detection, FailedDetector, ModerationLabel, Status};
pub use caller::{Caller, MODERATORS};
pub use connection::Connection;
pub use cursor::{Cursor, Epoch, Seq};
pub use event::{BusEvent, ImageAnalyzed, RemovalRequest, RemovedImage, UploadRef};
pub use image::{AttachedUpload, Image, ImageFiles, ImageType, Position, PositionError, StoredResult};
pub use job::{AnalysisJob, Event, IndexRequest, JobRequest, NewObject};
pub use label::{Confidence, Label, LabelName};
pub use name::{ConnectionId, ImageId, Name, NameError, UploadId, UserId};
pub use notification::{Notification, NotificationId, Subject};
pub use source::{Source, SourceError};
pub use taxonomy::ModerationName;
pub use topic::{Topic, TopicKey};
pub use upload::{Upload, UploadState};
pub use visibility::Audience;
