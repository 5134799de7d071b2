use async_trait::async_trait;

use super::PortResult;
use crate::model::LabelName;

/// Translates words of a query to English.
#[async_trait]
pub trait Translator: Send + Sync {
    /// The languages that can be requested, as BCP 47 primary tags: `en` among them.
    fn languages(&self) -> Vec<String>;

    /// The English labels of these words, in order; `None` where a word is not known, which then stands as it is.
    async fn to_english(&self, language: &str, words: &[String]) -> PortResult<Vec<Option<LabelName>>>;
}
