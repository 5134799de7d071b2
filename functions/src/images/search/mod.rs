//! `search`: finds images by their labels.

mod labels;

use std::sync::Arc;

use axum::extract::State;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cursor::PageCursors;
use super::page;
use crate::error::{Error, Result};
use crate::model::{Audience, Confidence, Image, Position};
use crate::ports::{Images, Objects, Translator};
use crate::protocol::ImageView;
use crate::query::{Conjunction, Normal, Page, Query, merge};
use crate::rest::{self, AppState, ErrorBody, Json, Reader, RestFunction, SignedIn};

/// The endpoints of search with the ports that they use.
#[derive(Clone)]
pub struct SearchApi {
    /// Finds images by terms.
    pub images: Arc<dyn Images>,
    /// Signs links to pictures.
    pub objects: Arc<dyn Objects>,
    /// For queries in other languages.
    pub translator: Arc<dyn Translator>,
    /// Writes and reads the cursors of pages.
    pub cursors: PageCursors,
}

impl RestFunction for SearchApi {
    const TAKES_KEYS: bool = true;

    fn routes() -> OpenApiRouter<AppState<Self>> {
        OpenApiRouter::new().routes(routes!(search)).routes(routes!(search_by_key)).routes(routes!(labels::complete))
    }
}

/// What is searched for, and how much of it is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct SearchQuery {
    /// Query in the search language; everything if omitted.
    #[param(value_type = Option<String>, example = "dog -person")]
    q: String,
    /// Minimum confidence of a matching label, in percent, 0 to 100.
    #[param(value_type = Option<f64>, minimum = 0, maximum = 100)]
    min_confidence: Option<String>,
    /// Language of the words in `q`, for example `nl`; English by default.
    language: Option<String>,
    /// Images per page, 1 to 200; 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next` of the previous page.
    cursor: Option<String>,
}

/// What to search for with an API key.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct KeySearchQuery {
    /// A label, or any other query in the search language.
    label: String,
    /// Images on a page, as in `/images`.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// Where the page begins, as in `/images`.
    cursor: Option<String>,
}

/// A page of images. It may be short, even empty, where much had to be looked at; only `next: null` is the end.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImagesPage {
    /// The images found, newest first.
    images: Vec<ImageView>,
    /// The `cursor` of the next page.
    #[schema(required)]
    next: Option<String>,
}

/// Search images, newest first.
#[utoipa::path(get, operation_id = "search_images", path = "/images", tag = "search", params(SearchQuery), security(("token" = [])), responses(
    (status = 200, body = ImagesPage, description = "a page of images"),
    (status = 400, body = ErrorBody, description = "an invalid query, with the position of the error and what was expected there"),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "only moderators may use `is:offensive`"),
))]
async fn search(
    State(AppState { function: api, .. }): State<AppState<SearchApi>>,
    caller: SignedIn,
    rest::Query(request): rest::Query<SearchQuery>,
) -> Result<Json<ImagesPage>> {
    api.page(&request, caller.audience()).await.map(Json)
}

/// Search by label with an API key, for integrators, with a viewer's rights.
#[utoipa::path(get, operation_id = "search_by_key", path = "/search", tag = "search", params(KeySearchQuery), security(("key" = [])), responses(
    (status = 200, body = ImagesPage, description = "a page of images"), (status = 400, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "no valid key, or one that does not allow `search`"),
))]
async fn search_by_key(
    State(AppState { function: api, .. }): State<AppState<SearchApi>>,
    _: Reader,
    rest::Query(request): rest::Query<KeySearchQuery>,
) -> Result<Json<ImagesPage>> {
    let request =
        SearchQuery { q: request.label, limit: request.limit, cursor: request.cursor, ..SearchQuery::default() };
    api.page(&request, Audience::EVERYONE).await.map(Json)
}

impl SearchApi {
    async fn page(&self, request: &SearchQuery, audience: Audience<'_>) -> Result<ImagesPage> {
        let limit = page::limit(request.limit.as_deref(), 50, 1..=200)?;
        let before = page::cursor(request.cursor.as_deref(), &self.cursors)?.unwrap_or(Position::NEWEST);
        let query = self.query(request).await?;
        if !query.may_be_asked_by(audience) {
            return Err(Error::forbidden("only moderators may use `is:offensive`"));
        }
        let found = self.find(&query, audience, before, limit).await?;
        let images = found.items.iter().filter_map(|(_, image)| ImageView::of(image, audience, &*self.objects));
        let images = images.collect();
        Ok(ImagesPage { images, next: found.next.map(|next| self.cursors.write(next)) })
    }

    async fn query(&self, request: &SearchQuery) -> Result<Query> {
        let mut query = Query::parse(&request.q)?;
        if let Some(language) = request.language.as_deref().filter(|language| *language != "en") {
            query = self.translated(&query, language).await?;
        }
        if let Some(text) = request.min_confidence.as_deref() {
            let confidence = rest::number(text).and_then(Confidence::from_percent);
            let wrong = || Error::bad_request("`min_confidence` must be a number from 0 to 100");
            query = query.with_min_confidence(confidence.ok_or_else(wrong)?);
        }
        Ok(query)
    }

    async fn translated(&self, query: &Query, language: &str) -> Result<Query> {
        let languages = self.translator.languages();
        if !languages.iter().any(|known| known == language) {
            return Err(Error::bad_request(format!("`language` must be one of {}", languages.join(", "))));
        }
        let mut words = Vec::new();
        // The first walk only collects, so that the translator is asked once for all words.
        let _ = query.translated(|word| {
            words.push(word.to_owned());
            None
        });
        let english = self.translator.to_english(language, &words).await?;
        let mut english = english.into_iter();
        Ok(query.translated(|_| english.next().flatten()))
    }

    /// One stream a conjunction, merged.
    async fn find(&self, query: &Query, audience: Audience<'_>, before: Position, limit: usize) -> Result<Page<Image>> {
        let conjunctions = match query.normalized() {
            Normal::Conjunctions(conjunctions) => conjunctions,
            // Too many to look up one by one: go through all images and try the whole query on each.
            Normal::TooMany => vec![Conjunction::default()],
        };
        let streams =
            conjunctions.iter().map(|conjunction| self.images.candidates(conjunction, audience, before, limit));
        let mut streams = try_join_all(streams).await?;
        for stream in &mut streams {
            // The whole query, by the same code that evaluates live filters.
            stream.found.retain(|(_, image)| query.finds(image, audience));
        }
        Ok(merge(streams, limit))
    }
}
