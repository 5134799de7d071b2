use chrono::SecondsFormat;
use clap::Args;
use labelcast_functions::model::Confidence;

use super::arguments::Target;
use super::failure::{Failure, Outcome};
use super::remote::{Api, ImageLine, Service};
use super::{output, serve, words};

/// Search images by their labels, newest first
///
/// Prints each image's id, upload time and labels. Query language: `dog cat` (both) · `dog OR cat` · `-person` (without) ·
/// `"hot dog"` · `sun*` (prefix) · `dog:95` (confidence of at least 95) · `by:me`
#[derive(Debug, Args)]
pub(super) struct SearchArguments {
    /// Query, for example `dog -person` or `sun*`; an empty one finds everything
    #[arg(allow_hyphen_values = true)]
    query: String,
    #[command(flatten)]
    target: Target,
    /// Maximum number of images
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Minimum confidence of a matching label, in percent
    #[arg(long, value_name = "PERCENT", value_parser = serve::confidence)]
    min_confidence: Option<Confidence>,
    /// Language of the words in the query, for example `nl`
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Print one JSON object per line, with everything known about each image
    #[arg(long)]
    json: bool,
}

/// The server's maximum page size, in images.
const LARGEST_PAGE: u32 = 200;

impl SearchArguments {
    pub(super) async fn run(self) -> Outcome {
        let api = Api::new(Service::discover(&self.target).await?);
        let mut left = self.limit;
        let mut cursor = None;
        loop {
            let mut query = vec![("q", self.query.clone()), ("limit", left.min(LARGEST_PAGE).to_string())];
            query.extend(self.min_confidence.map(|least| ("min_confidence", least.percent().to_string())));
            query.extend(self.language.clone().map(|language| ("language", language)));
            query.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let page = api.search(&query).await?;
            for image in page.images.iter().take(left as usize) {
                self.print(image)?;
                left -= 1;
            }
            // A page may be short, even empty: only a missing `next` is the end.
            match page.next {
                Some(next) if left > 0 => cursor = Some(next),
                _ => return Ok(()),
            }
        }
    }

    fn print(&self, image: &serde_json::Value) -> Outcome {
        if self.json {
            return Ok(output::json(image)?);
        }
        let image: ImageLine = serde_json::from_value(image.clone())
            .map_err(|error| Failure::failed(format!("the server sent an invalid image: {error}")))?;
        let at = image.uploaded_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        Ok(output::line(&format!("{}  {at}  {}", image.image_id, words::labels(&image.labels)))?)
    }
}
