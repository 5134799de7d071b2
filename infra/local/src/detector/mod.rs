//! Detectors: what tells what a picture shows.

pub mod builtin;

/// A picture could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The bytes are no JPEG, PNG or WebP, or they are damaged.
    #[error("the picture cannot be decoded: {0}; send it again as a whole JPEG, PNG or WebP")]
    Undecodable(#[from] image::ImageError),
    /// Too large to be decoded here.
    #[error("the picture has {width} x {height} pixels; at most {max} megapixels are looked at: send a smaller one")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
        /// The bound, in megapixels.
        max: u64,
    },
}
