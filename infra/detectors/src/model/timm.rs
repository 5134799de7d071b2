//! What is done to a picture before a model of timm sees it: `pretrained_cfg` in its `config.json`.

use super::error::ModelError;
use super::fields::Fields;
use crate::preprocess::{Extent, Normalization, Resample, Resize, Steps, Target};

/// The share that is cut out unless the file says otherwise.
const CROP_SHARE: f64 = 0.875;

const INPUT_SIZE: &str = "[3, 224, 224]: colours, height and width, both from 1 to 4096";
const SHARE: &str = "a share from 0.1 to 1";
const THREE: &str = "three numbers, one for each colour";

pub(super) fn steps(fields: &Fields) -> Result<Steps, ModelError> {
    let input: [u32; 3] = fields
        .get("input_size", INPUT_SIZE)?
        .ok_or_else(|| fields.fault("input_size", "it is missing", &format!("Write {INPUT_SIZE}")))?;
    let size = (input[0] == 3).then(|| Extent::new(input[2], input[1])).flatten();
    let size = size.ok_or_else(|| fields.wrong("input_size", &format!("`{input:?}`"), INPUT_SIZE))?;
    let share = fields.get_or("crop_pct", SHARE, CROP_SHARE)?;
    if !(0.1..=1.0).contains(&share) {
        return Err(fields.wrong("crop_pct", &format!("`{share}`"), SHARE));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most ten times 4096; rounded down as there"
    )]
    let larger = |side: u32| (f64::from(side) / share).floor() as u32;
    let mode = fields.get_or("crop_mode", "\"center\" or \"squash\"", "center".to_owned())?;
    let to = match mode.as_str() {
        "center" if size.width == size.height => Target::ShortestEdge(larger(size.width)),
        "squash" => Extent::new(larger(size.width), larger(size.height)).map_or(Target::Exactly(size), Target::Exactly),
        "center" => {
            let cure = "Describe the same steps in a preprocessor_config.json, which is read in its place";
            return Err(fields.fault(
                "input_size",
                "pictures that are no squares cannot be cut out of the centre here",
                cure,
            ));
        }
        other => {
            let cure = "Describe the nearest steps in a preprocessor_config.json, which is read in its place";
            return Err(fields.fault("crop_mode", &format!("`{other}` is unknown here"), cure));
        }
    };
    let resize = Resize { to, filter: interpolation(fields)? };
    let mean = fields.get_or("mean", THREE, [0.485, 0.456, 0.406])?;
    let std = fields.get_or("std", THREE, [0.229, 0.224, 0.225])?;
    if std.iter().any(|std| *std <= 0.0) {
        return Err(fields.wrong("std", &format!("`{std:?}`"), "three numbers greater than 0, one for each colour"));
    }
    let normalization = Normalization::NONE.then([1.0 / 255.0; 3], [0.0; 3]).less(mean, std);
    Ok(Steps::cropped(resize, size, normalization))
}

fn interpolation(fields: &Fields) -> Result<Resample, ModelError> {
    const FORM: &str = "\"nearest\", \"bilinear\", \"bicubic\" or \"lanczos\"";
    match fields.get_or("interpolation", FORM, "bilinear".to_owned())?.as_str() {
        "nearest" => Ok(Resample::Nearest),
        // Trained with either; looked at with the former.
        "bilinear" | "random" => Ok(Resample::Bilinear),
        "bicubic" => Ok(Resample::Bicubic),
        "lanczos" => Ok(Resample::Lanczos),
        other => Err(fields.wrong("interpolation", &format!("`{other}`"), FORM)),
    }
}
