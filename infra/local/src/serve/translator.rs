//! The port `Translator`, with the glossary.

use async_trait::async_trait;
use labelcast_functions::model::LabelName;
use labelcast_functions::ports::{PortResult, Translator};

use crate::translator::Glossary;

#[async_trait]
impl Translator for Glossary {
    fn languages(&self) -> Vec<String> {
        Self::languages(self).map(str::to_owned).collect()
    }

    async fn to_english(&self, language: &str, words: &[String]) -> PortResult<Vec<Option<LabelName>>> {
        Ok(words.iter().map(|word| self.translate(language, word)).collect())
    }
}
