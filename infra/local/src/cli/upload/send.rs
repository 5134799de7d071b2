//! Sends files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use image::ImageFormat;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use labelcast_functions::model::ImageType;
use reqwest::Body;
use reqwest::multipart::Part;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use super::News;
use crate::cli::output;
use crate::cli::remote::{Api, BegunUpload};

/// Maximum number of files sent concurrently.
const MAX_CONCURRENCY: usize = 4;

/// Sends all files and reports on each.
pub(super) async fn all(api: Api, files: Vec<PathBuf>, bars: MultiProgress, news: mpsc::Sender<News>) {
    let (api, bars, news) = (&api, &bars, &news);
    stream::iter(files.iter().enumerate())
        .for_each_concurrent(MAX_CONCURRENCY, |(file, path)| async move {
            let sending = match Picture::open(path).await {
                Ok(picture) => one(api, file, picture, bars, news).await,
                Err(reason) => News::NotSent { file, upload_id: None, reason },
            };
            // If nobody takes it, the command is ending.
            let _ = news.send(sending).await;
        })
        .await;
}

async fn one(api: &Api, file: usize, picture: Picture, bars: &MultiProgress, news: &mpsc::Sender<News>) -> News {
    let begun = match api.begin(&picture.name, picture.kind.media_type(), picture.size).await {
        Ok(begun) => begun,
        Err(error) => return News::NotSent { file, upload_id: None, reason: error.to_string() },
    };
    let upload_id = begun.upload_id.clone();
    let _ = news.send(News::Begun { file, upload_id: upload_id.clone() }).await;
    let bar = bars.add(ProgressBar::new(picture.size).with_style(style()).with_message(output::plain(&picture.name)));
    let posted = post(api, &begun, picture, &bar).await;
    bar.finish_and_clear();
    match posted {
        Ok(()) => News::Sent { upload_id },
        Err(reason) => News::NotSent { file, upload_id: Some(upload_id), reason },
    }
}

async fn post(api: &Api, begun: &BegunUpload, picture: Picture, bar: &ProgressBar) -> Result<(), String> {
    let part = picture.part(bar.clone()).map_err(|error| error.to_string())?;
    tokio::select! {
        posted = api.post(begun, part) => posted.map_err(|error| error.to_string()),
        () = stalled(bar) => Err("upload stalled: the server stopped receiving".to_owned()),
    }
}

/// A transfer without progress is aborted after one to two of these intervals; a slow one may take as long as it needs.
const STALLED: Duration = Duration::from_mins(1);

async fn stalled(bar: &ProgressBar) {
    loop {
        let before = bar.position();
        tokio::time::sleep(STALLED).await;
        if bar.position() == before {
            return;
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{wide_msg} {bar:30} {bytes}/{total_bytes}").expect("the template is right")
}

/// A validated file.
struct Picture {
    file: File,
    name: String,
    kind: ImageType,
    size: u64,
}

/// Number of leading bytes that identify every supported format.
const SIGNATURE: u64 = 16;
/// The longest name that the server accepts, in characters.
const MAX_NAME_LEN: usize = 255;

impl Picture {
    async fn open(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("cannot read the file: {error}");
        let mut file = File::open(path).await.map_err(unreadable)?;
        let metadata = file.metadata().await.map_err(unreadable)?;
        if !metadata.is_file() {
            return Err("not a file".to_owned());
        }
        let mut prefix = Vec::new();
        (&mut file).take(SIGNATURE).read_to_end(&mut prefix).await.map_err(unreadable)?;
        file.rewind().await.map_err(unreadable)?;
        let kind = kind_of(&prefix).ok_or("not a JPEG, PNG or WebP picture; not sent")?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().chars().take(MAX_NAME_LEN).collect();
        Ok(Self { file, name, kind, size: metadata.len() })
    }

    /// The file as a part of a form; advances a progress bar as it is read.
    fn part(self, bar: ProgressBar) -> reqwest::Result<Part> {
        let bytes = ReaderStream::new(self.file.take(self.size)).inspect_ok(move |bytes| bar.inc(bytes.len() as u64));
        Part::stream_with_length(Body::wrap_stream(bytes), self.size)
            .file_name(self.name)
            .mime_str(self.kind.media_type())
    }
}

/// The format of a file by its first bytes, whatever its name.
fn kind_of(prefix: &[u8]) -> Option<ImageType> {
    match image::guess_format(prefix).ok()? {
        ImageFormat::Jpeg => Some(ImageType::Jpeg),
        ImageFormat::Png => Some(ImageType::Png),
        ImageFormat::WebP => Some(ImageType::WebP),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_recognised_by_its_bytes() {
        assert_eq!(kind_of(b"\xff\xd8\xff\xe0\0\x10JFIF\0"), Some(ImageType::Jpeg));
        assert_eq!(kind_of(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(ImageType::Png));
        assert_eq!(kind_of(b"RIFF\x24\0\0\0WEBPVP8 "), Some(ImageType::WebP));
        for other in [&b""[..], b"GIF89a", b"hello", b"\xff\xd8"] {
            assert_eq!(kind_of(other), None);
        }
    }
}
