//! placeholder
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
/// placeholder
#[derive(Debug, Clone)]
pub struct PostForm {
    /// p
    pub key: String,
    /// p
    pub content_type: String,
    /// p
    pub min_size: u64,
    /// p
    pub max_size: u64,
    /// p
    pub expires_at: DateTime<Utc>,
}
/// placeholder
#[derive(Debug, Clone)]
pub struct PresignedPost {
    /// p
    pub url: String,
    /// p
    pub fields: BTreeMap<String, String>,
    /// p
    pub expires_at: DateTime<Utc>,
}
