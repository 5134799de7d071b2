//! What is done to a picture before a model sees it: `preprocessor_config.json` of Hugging Face.

use serde::Deserialize;

use super::error::ModelError;
use super::fields::Fields;
use super::timm;
use crate::preprocess::{Channels, Extent, Normalization, Resample, Resize, Steps, Target};

/// What turns bytes into numbers from 0 to 1, which is what is done unless the file says otherwise.
const RESCALE_FACTOR: f64 = 1.0 / 255.0;
/// From this side on ConvNeXt's processor takes the whole picture, whatever `crop_pct` says.
const CROPPED_BELOW: u32 = 384;

const NUMBER: &str = "a number";
const YES_OR_NO: &str = "true or false";
const SIZE: &str = "{\"shortest_edge\": 256}, {\"height\": 224, \"width\": 224} or a number of pixels, from 1 to 4096";
const CROP_SIZE: &str = "{\"height\": 224, \"width\": 224} or a number of pixels, from 1 to 4096";
const RESAMPLE: &str = "0 (nearest), 1 (Lanczos), 2 (bilinear), 3 (bicubic), 4 (box) or 5 (Hamming)";
const MEAN: &str = "three numbers, one for each colour";
const STD: &str = "three numbers greater than 0, one for each colour";

/// How a size is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Side(u32),
    Edge(Edge),
    Sides(Sides),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edge {
    shortest_edge: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sides {
    height: u32,
    width: u32,
}

pub(super) fn steps(fields: &Fields) -> Result<Steps, ModelError> {
    if !fields.has("size")
        && let Some(timm) = fields.within("pretrained_cfg")?
    {
        return timm::steps(&timm);
    }
    let (resize, crop) = match fields.get_or("do_resize", YES_OR_NO, true)? {
        true => resize(fields)?,
        false => (None, None),
    };
    let crop = if crops(fields)? { Some(crop_size(fields)?) } else { crop };
    let steps = Steps::new(resize, crop, normalization(fields)?);
    steps.ok_or_else(|| {
        let cure = "Write `size` as {\"height\": 224, \"width\": 224}, or have it cropped with `do_center_crop` and `crop_size`";
        fields.fault("size", "pictures of different shapes come out in different sizes, and a model takes one", cure)
    })
}

/// How a picture is made smaller, and what is cut out of it where one field says both.
fn resize(fields: &Fields) -> Result<(Option<Resize>, Option<Extent>), ModelError> {
    let size: Size = fields.get("size", SIZE)?.ok_or_else(|| missing(fields, "size", SIZE))?;
    let filter = resample(fields)?;
    let (to, crop) = match size {
        Size::Sides(Sides { height, width }) => (Target::Exactly(extent(fields, "size", SIZE, height, width)?), None),
        Size::Edge(Edge { shortest_edge }) => of_edge(fields, shortest_edge)?,
        // What their authors' programs make of a mere number.
        Size::Side(side) if is_of(fields, &["CLIP", "Bit", "ConvNext", "Levit", "MobileNet", "PoolFormer", "Cvt"])? => {
            of_edge(fields, side)?
        }
        Size::Side(side) => (Target::Exactly(extent(fields, "size", SIZE, side, side)?), None),
    };
    Ok((Some(Resize { to, filter }), crop))
}

fn of_edge(fields: &Fields, edge: u32) -> Result<(Target, Option<Extent>), ModelError> {
    let square = extent(fields, "size", SIZE, edge, edge)?;
    if is_of(fields, &["Levit"])? {
        return Ok((Target::ShortestEdge(edge * 256 / 224), None));
    }
    let Some(share) = fields.get::<f64>("crop_pct", "a share from 0.1 to 1")? else {
        return Ok((Target::ShortestEdge(edge), None));
    };
    if !(0.1..=1.0).contains(&share) {
        return Err(fields.wrong("crop_pct", &format!("`{share}`"), "a share from 0.1 to 1"));
    }
    if is_of(fields, &["ConvNext"])? && edge >= CROPPED_BELOW {
        return Ok((Target::Exactly(square), None));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most ten times 4096; rounded down as there"
    )]
    let larger = (f64::from(edge) / share) as u32;
    Ok((Target::ShortestEdge(larger), Some(square)))
}

fn crops(fields: &Fields) -> Result<bool, ModelError> {
    fields.get_or("do_center_crop", YES_OR_NO, fields.has("crop_size"))
}

fn crop_size(fields: &Fields) -> Result<Extent, ModelError> {
    let size: Size = fields.get("crop_size", CROP_SIZE)?.ok_or_else(|| missing(fields, "crop_size", CROP_SIZE))?;
    let (height, width) = match size {
        Size::Side(side) | Size::Edge(Edge { shortest_edge: side }) => (side, side),
        Size::Sides(Sides { height, width }) => (height, width),
    };
    extent(fields, "crop_size", CROP_SIZE, height, width)
}

fn extent(fields: &Fields, field: &str, form: &str, height: u32, width: u32) -> Result<Extent, ModelError> {
    Extent::new(width, height).ok_or_else(|| fields.wrong(field, &format!("{height} × {width}"), form))
}

fn resample(fields: &Fields) -> Result<Resample, ModelError> {
    let smooth = is_of(fields, &["CLIP", "DeiT", "Bit", "PoolFormer", "Levit"])?;
    let number = fields.get_or::<u8>("resample", RESAMPLE, if smooth { 3 } else { 2 })?;
    Resample::from_pillow(number).ok_or_else(|| fields.wrong("resample", &format!("`{number}`"), RESAMPLE))
}

fn normalization(fields: &Fields) -> Result<Normalization, ModelError> {
    let mut steps = Normalization::NONE;
    if fields.get_or("do_rescale", YES_OR_NO, true)? {
        let factor = fields.get_or("rescale_factor", NUMBER, RESCALE_FACTOR)?;
        let offset = if fields.get_or("rescale_offset", YES_OR_NO, false)? { -1.0 } else { 0.0 };
        steps = steps.then([factor; 3], [offset; 3]);
    }
    if fields.get_or("do_normalize", YES_OR_NO, true)? {
        let mean: [f64; 3] = fields.get("image_mean", MEAN)?.ok_or_else(|| missing(fields, "image_mean", MEAN))?;
        let std: [f64; 3] = fields.get("image_std", STD)?.ok_or_else(|| missing(fields, "image_std", STD))?;
        if std.iter().any(|std| *std <= 0.0) {
            return Err(fields.wrong("image_std", &format!("`{std:?}`"), STD));
        }
        steps = steps.less(mean, std);
        // EfficientNet's processor divides once more.
        if fields.get_or("include_top", YES_OR_NO, false)? {
            steps = steps.less([0.0; 3], std);
        }
    }
    Ok(steps)
}

/// Whether Hugging Face's program for the model is one of these: its classes are called `CLIPImageProcessor`.
fn is_of(fields: &Fields, families: &[&str]) -> Result<bool, ModelError> {
    for field in ["image_processor_type", "feature_extractor_type"] {
        if let Some(class) = fields.get::<String>(field, "the name of a class")? {
            return Ok(families.iter().any(|family| class.starts_with(family)));
        }
    }
    Ok(false)
}

pub(super) fn channels(fields: &Fields) -> Result<Channels, ModelError> {
    let flipped = fields.get_or("do_flip_channel_order", YES_OR_NO, false)?;
    Ok(if flipped { Channels::Bgr } else { Channels::Rgb })
}

fn missing(fields: &Fields, field: &str, form: &str) -> ModelError {
    fields.fault(field, "it is missing", &format!("Write {form}, as the model was trained"))
}
