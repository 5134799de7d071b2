//! Why a file is rejected.

use super::{MAX_PIXELS, MAX_SIDE, MIN_SIDE};

/// Why a file is rejected, in a sentence for its uploader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bytes begin like no supported picture, whatever the file's name or claimed type says.
    #[error("The file isn't a picture. Send a JPEG, PNG or WebP file.")]
    NotAPicture,
    /// A side is shorter than [`MIN_SIDE`].
    #[error("Too small: {width}×{height} pixels (each side must be at least {MIN_SIDE}).")]
    TooSmall {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// A side is longer than [`MAX_SIDE`].
    #[error("Too large: {width}×{height} pixels (limit {MAX_SIDE} per side). Scale the picture down.")]
    TooLarge {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// More than [`MAX_PIXELS`] in all.
    #[error(
        "Too large: {width}×{height} pixels (limit {} megapixels). Scale the picture down.",
        MAX_PIXELS / 1_000_000
    )]
    TooManyPixels {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// Decoding it takes more memory than the server may use for all pictures together.
    #[error(
        "Too large: decoding {width}×{height} pixels takes more memory than this server allows. \
         Scale the picture down, or save it as a baseline (neither progressive nor interlaced) file."
    )]
    TooMuchMemory {
        /// In pixels, as seen.
        width: u32,
        /// In pixels, as seen.
        height: u32,
    },
    /// Cut off, corrupt, or contradicting itself.
    #[error("The picture is damaged: the file is truncated or corrupt. Upload it again, or save it again first.")]
    Damaged,
    /// A picture of a kind that hardly anything writes, for example an arithmetic-coded JPEG.
    #[error("The picture uses an unsupported format variant. Save it as a standard JPEG, PNG or WebP file.")]
    Unsupported,
}

impl Rejection {
    /// Judges the size of a picture.
    pub(super) fn of_size(width: u32, height: u32) -> Result<(), Self> {
        if width < MIN_SIDE || height < MIN_SIDE {
            Err(Self::TooSmall { width, height })
        } else if width > MAX_SIDE || height > MAX_SIDE {
            Err(Self::TooLarge { width, height })
        } else if u64::from(width) * u64::from(height) > MAX_PIXELS {
            Err(Self::TooManyPixels { width, height })
        } else {
            Ok(())
        }
    }
}
