//! Why a file is not taken.

use super::{MAX_PIXELS, MAX_SIDE, MIN_SIDE};

/// Why a file is not taken, in a sentence for its uploader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The bytes begin like no picture that is taken, whatever the file's name or claimed type says.
    #[error("The file is not a picture that we take: send a JPEG, PNG or WebP file.")]
    NotAPicture,
    /// A side is shorter than [`MIN_SIDE`].
    #[error("The picture is too small: it is {width}×{height} pixels, and each side must be at least {MIN_SIDE}.")]
    TooSmall {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// A side is longer than [`MAX_SIDE`].
    #[error("The picture is too large: it is {width}×{height} pixels, and each side may be at most {MAX_SIDE}.")]
    TooLarge {
        /// In pixels, as stored.
        width: u32,
        /// In pixels, as stored.
        height: u32,
    },
    /// More than [`MAX_PIXELS`] in all.
    #[error(
        "The picture has too many pixels: it is {width}×{height}, and at most {} megapixels are taken. Send it scaled down.",
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
        "The picture is {width}×{height} pixels, and to look at it takes more memory than this server has set aside. \
         Send it scaled down, or saved as an ordinary (not progressive, not interlaced) file."
    )]
    TooMuchMemory {
        /// In pixels, as seen.
        width: u32,
        /// In pixels, as seen.
        height: u32,
    },
    /// Cut off, corrupt, or contradicting itself.
    #[error("The picture is damaged: the file is cut off or corrupt. Send it again, or save it anew and send that.")]
    Damaged,
    /// A picture of a kind that hardly anything writes, for example an arithmetic-coded JPEG.
    #[error("The picture is written in a way that we cannot read. Save it anew as an ordinary JPEG, PNG or WebP file.")]
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
