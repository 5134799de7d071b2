//! What is done to a picture before a model sees it, as types that cannot hold anything else.

/// The longest side of what a network takes, in pixels.
const MAX_SIDE: u32 = 4096;

/// Width and height in pixels, each from 1 to 4096.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Extent {
    pub(crate) fn new(width: u32, height: u32) -> Option<Self> {
        let fits = |side| (1..=MAX_SIDE).contains(&side);
        (fits(width) && fits(height)).then_some(Self { width, height })
    }

    pub(crate) fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }
}

/// How pixels are computed of those around them, by Pillow's names. Smoothed when a picture is made smaller, but for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resample {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

impl Resample {
    /// By Pillow's number.
    pub(crate) fn from_pillow(number: u8) -> Option<Self> {
        let all = [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming];
        all.get(usize::from(number)).copied()
    }
}

/// To which size a picture is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The shorter side gets this many pixels, and the shape stays.
    ShortestEdge(u32),
    /// Whatever its shape.
    Exactly(Extent),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resize {
    pub(crate) to: Target,
    pub(crate) filter: Resample,
}

/// What becomes of the bytes of a pixel: each is multiplied, then something is added.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Normalization {
    factor: [f64; 3],
    offset: [f64; 3],
}

impl Normalization {
    /// The bytes as they are, 0 to 255.
    pub(crate) const NONE: Self = Self { factor: [1.0; 3], offset: [0.0; 3] };

    /// After this, multiplied and added to.
    pub(crate) fn then(self, factor: [f64; 3], offset: [f64; 3]) -> Self {
        let each = |at: usize| (self.factor[at] * factor[at], self.offset[at] * factor[at] + offset[at]);
        let all = [each(0), each(1), each(2)];
        Self { factor: all.map(|(factor, _)| factor), offset: all.map(|(_, offset)| offset) }
    }

    /// After this, less the mean and divided by the standard deviation.
    pub(crate) fn less(self, mean: [f64; 3], std: [f64; 3]) -> Self {
        let offset = [-mean[0] / std[0], -mean[1] / std[1], -mean[2] / std[2]];
        self.then(std.map(|std| 1.0 / std), offset)
    }

    /// What each of the 256 values of a channel becomes.
    pub(super) fn table(&self, channel: usize) -> [f32; 256] {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "bytes, and networks take 32 bits"
        )]
        std::array::from_fn(|value| (value as f64 * self.factor[channel] + self.offset[channel]) as f32)
    }
}

/// All of it, so that every picture comes out in the same size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Steps {
    pub(super) resize: Option<Resize>,
    crop: Option<Extent>,
    size: Extent,
    pub(super) normalization: Normalization,
}

impl Steps {
    /// `None` if pictures of different shapes would come out in different sizes.
    pub(crate) fn new(resize: Option<Resize>, crop: Option<Extent>, normalization: Normalization) -> Option<Self> {
        let exactly = match resize {
            Some(Resize { to: Target::Exactly(size), .. }) => Some(size),
            _ => None,
        };
        Some(Self { resize, crop, size: crop.or(exactly)?, normalization })
    }

    /// Resized, and the centre cut out.
    pub(crate) fn cropped(resize: Resize, size: Extent, normalization: Normalization) -> Self {
        Self { resize: Some(resize), crop: Some(size), size, normalization }
    }

    /// Whether the centre is cut out.
    pub(crate) fn crops(&self) -> bool {
        self.crop.is_some()
    }

    /// The size in which every picture comes out.
    pub(crate) fn size(&self) -> Extent {
        self.size
    }
}
