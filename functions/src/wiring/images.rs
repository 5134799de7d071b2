//! The functions of images.

use super::{FromProvider, Provider};
use crate::images::{
    Analyze, Failed, ImageApi, Index, Ingest, Leftovers, ModerationApi, ObjectExpiry, SearchApi, UploadApi,
};

impl FromProvider for UploadApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            random: provider.random(),
            uploads: provider.uploads()?,
            objects: provider.objects()?,
            settings: provider.settings()?,
        })
    }
}

impl FromProvider for SearchApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            images: provider.images()?,
            objects: provider.objects()?,
            translator: provider.translator()?,
            cursors: provider.page_cursors()?,
        })
    }
}

impl FromProvider for ImageApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { images: provider.images()?, objects: provider.objects()?, bus: provider.bus()? })
    }
}

impl FromProvider for ModerationApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { images: provider.images()?, objects: provider.objects()?, cursors: provider.page_cursors()? })
    }
}

impl FromProvider for Ingest {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            objects: provider.objects()?,
            uploads: provider.uploads()?,
            images: provider.images()?,
            queue: provider.queue()?,
            bus: provider.bus()?,
            decoding: provider.decoding()?,
            detector: if P::DETECTS_WHILE_DECODING { Some(provider.detector()?) } else { None },
            settings: provider.settings()?,
        })
    }
}

impl FromProvider for Analyze {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            detector: provider.detector()?,
            images: provider.images()?,
            uploads: provider.uploads()?,
            bus: provider.bus()?,
            settings: provider.settings()?,
        })
    }
}

impl FromProvider for Index {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            images: provider.images()?,
            objects: provider.objects()?,
            uploads: provider.uploads()?,
            bus: provider.bus()?,
        })
    }
}

impl FromProvider for Failed {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            images: provider.images()?,
            uploads: provider.uploads()?,
            bus: provider.bus()?,
            undelivered: provider.undelivered()?,
        })
    }
}

impl FromProvider for Leftovers {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { images: provider.images()?, uploads: provider.uploads()?, objects: provider.objects()? })
    }
}

impl FromProvider for ObjectExpiry {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self::new(Leftovers::from_provider(provider)?, provider.settings()?))
    }
}
