use clap::Args;
use serde_json::Value;

use super::client::{Target, answered, labels};
use super::{Outcome, output};

#[derive(Debug, Args)]
pub(super) struct SearchArguments {
    /// In the search language, for example `dog -person` or `sun*`
    #[arg(allow_hyphen_values = true)]
    query: String,
    #[command(flatten)]
    target: Target,
    /// Images at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Labels below this confidence do not count, in percent
    #[arg(long, value_name = "PERCENT")]
    min_confidence: Option<String>,
    /// The language of the query's words, for example `nl`
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

impl SearchArguments {
    pub(super) async fn run(self) -> Outcome {
        let server = self.target.server().await?;
        let mut left = self.limit;
        let mut cursor: Option<String> = None;
        while left > 0 {
            let mut asked = vec![("q", self.query.clone()), ("limit", left.min(200).to_string())];
            asked.extend(self.min_confidence.clone().map(|least| ("min_confidence", least)));
            asked.extend(self.language.clone().map(|language| ("language", language)));
            asked.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page: Value = answered(server.get("/images").query(&asked)).await?;
            for image in page["images"].as_array().map(Vec::as_slice).unwrap_or_default() {
                left = left.saturating_sub(1);
                output::line(&match self.json {
                    true => image.to_string(),
                    false => format!("{}  {}", image["image_id"].as_str().unwrap_or_default(), labels(image)),
                })?;
            }
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        Ok(())
    }
}
