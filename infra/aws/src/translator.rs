//! Translates words of a query, by Amazon Translate.

use async_trait::async_trait;
use aws_sdk_translate::Client;
use aws_sdk_translate::error::DisplayErrorContext;
use futures_util::{StreamExt, TryStreamExt, stream};
use labelcast_functions::model::LabelName;
use labelcast_functions::ports::{PortError, PortResult, Translator};

/// What can be requested: the languages of the built-in glossary, so that both backends offer the same.
const LANGUAGES: [&str; 6] = ["en", "nl", "tr", "de", "fr", "es"];
/// Words that are translated at once.
const MAX_CONCURRENCY: usize = 8;

/// Translates words of a query with Amazon Translate.
#[derive(Debug, Clone)]
pub struct AmazonTranslate {
    client: Client,
}

impl AmazonTranslate {
    /// A translator that asks this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn word(self, language: String, word: String) -> PortResult<Option<LabelName>> {
        let call = self.client.translate_text().source_language_code(language).target_language_code("en").text(&word);
        let response = call.send().await.map_err(|error| PortError::Unavailable {
            what: "the translation",
            why: DisplayErrorContext(&error).to_string(),
        })?;
        // What is not known comes back as it was.
        let english = response.translated_text();
        Ok(if english.eq_ignore_ascii_case(&word) { None } else { LabelName::fold(english) })
    }
}

#[async_trait]
impl Translator for AmazonTranslate {
    fn languages(&self) -> Vec<String> {
        LANGUAGES.map(str::to_owned).to_vec()
    }

    async fn to_english(&self, language: &str, words: &[String]) -> PortResult<Vec<Option<LabelName>>> {
        if language == "en" {
            return Ok(vec![None; words.len()]);
        }
        let translations: Vec<_> =
            words.iter().map(|word| self.clone().word(language.to_owned(), word.clone())).collect();
        stream::iter(translations).buffered(MAX_CONCURRENCY).try_collect().await
    }
}
