//! A network that was tried: what it answers is what its model's directory says.

use std::any::Any;
use std::fs;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};

use image::{DynamicImage, Rgb, RgbImage};

use super::{Engine, Input, Network};
use crate::model::{Model, ModelError};
use crate::preprocess::{Layout, Tensor};
use crate::results::OutputError;

/// Protobuf, in which networks are written, has no longer messages.
const MAX_BYTES: u64 = 2 << 30;
/// How far the same picture's probabilities may be apart, alone and with others.
const TOLERANCE: f64 = 0.001;
/// Which output has the answer where there are several, by name.
const USUAL_OUTPUT: &str = "logits";

const NETWORK_CURE: &str =
    "Export the model again, as a classifier in ONNX with one input of 32-bit floating-point numbers";

/// A picture's probabilities, one for each class, or why they are none.
pub(crate) type Probabilities = Result<Vec<f64>, OutputError>;

/// A network and how to ask it.
pub(crate) struct Opened {
    network: Box<dyn Network>,
    layout: Layout,
    output: usize,
    batches: bool,
}

impl Opened {
    /// Opens a model's network and tries it. May take long.
    pub(crate) fn open(model: &Model, engine: &Engine, threads: NonZeroUsize) -> Result<Self, ModelError> {
        let file = model.network();
        let fault = |problem: String| ModelError::of_file(file, problem, NETWORK_CURE);
        let size = fs::metadata(file).map_err(|error| fault(format!("it cannot be read: {error}")))?.len();
        if size > MAX_BYTES {
            return Err(fault("it is larger than 2 GiB".to_owned()));
        }
        let opened = guarded(|| engine.open(file, threads));
        let network = opened.map_err(|why| fault(format!("{} cannot read it: {why}", engine.name())))?;
        Self::of(network, model)
    }

    /// Tries a network.
    pub(crate) fn of(network: Box<dyn Network>, model: &Model) -> Result<Self, ModelError> {
        let input = the_input(network.inputs(), model)?.clone();
        let layout = layout(&input, model)?;
        let may_batch = match input.sides.as_deref() {
            Some([batch, ..]) => batch.is_none(),
            _ => true,
        };
        let mut opened = Self { network, layout, output: 0, batches: false };
        opened.find_output(model)?;
        opened.batches = may_batch && opened.answers_batches_alike(model);
        Ok(opened)
    }

    /// Whether several pictures can be looked at in one run.
    pub(crate) fn batches(&self) -> bool {
        self.batches
    }

    /// Looks at pictures that are the right way up, in one run.
    ///
    /// # Errors
    /// The run failed, or the runtime panicked.
    pub(crate) fn look(&self, model: &Model, pictures: &[&DynamicImage]) -> Result<Vec<Probabilities>, String> {
        let answered = guarded(|| {
            let tensor = Tensor::of(pictures.iter().copied(), &model.steps, self.layout, model.channels);
            self.network.run(tensor, self.output)
        })?;
        let classes = model.classes().len();
        if answered.numbers.len() != pictures.len() * classes {
            return Err(format!(
                "it answered {:?} numbers, where {} × {classes} were expected",
                answered.shape,
                pictures.len()
            ));
        }
        let rows = answered.numbers.chunks_exact(classes);
        Ok(rows.map(|numbers| model.activation.probabilities(numbers)).collect())
    }

    /// The output that has as many numbers as there are classes.
    fn find_output(&mut self, model: &Model) -> Result<(), ModelError> {
        let fault = |problem: String| ModelError::of_file(model.network(), problem, NETWORK_CURE);
        let names = self.network.outputs();
        let usual = names.iter().position(|name| name == USUAL_OUTPUT);
        let candidates: Vec<usize> =
            usual.into_iter().chain((0..names.len()).filter(|at| Some(*at) != usual)).collect();
        let pictures = test_pictures();
        let classes = model.classes().len();
        let mut wrong = Err(fault("it has no output".to_owned()));
        for (nth, candidate) in candidates.into_iter().enumerate() {
            let tensor = Tensor::of(pictures.iter().take(1), &model.steps, self.layout, model.channels);
            let answer = guarded(|| self.network.run(tensor, candidate));
            let answer = answer.map_err(|why| fault(format!("it cannot be run: {why}")))?;
            let found = answer.numbers.len();
            if found == classes {
                self.output = candidate;
                return self.answers_probabilities(model, &pictures);
            }
            if nth == 0 {
                wrong = Err(model.wrong_number_of_names(found));
            }
        }
        wrong
    }

    fn answers_probabilities(&self, model: &Model, pictures: &[DynamicImage]) -> Result<(), ModelError> {
        let fault = |problem: String| ModelError::of_file(model.network(), problem, NETWORK_CURE);
        for picture in pictures {
            let rows = self.look(model, &[picture]).map_err(|why| fault(format!("it cannot be run: {why}")))?;
            for row in rows {
                row.map_err(|error| match error {
                    OutputError::NotFinite(..) => fault(format!("{error}, and that says nothing")),
                    OutputError::NoProbability(..) => model.wrong_activation(&error.to_string()),
                })?;
            }
        }
        Ok(())
    }

    /// Some networks say that they take several, and mix them up or fail.
    fn answers_batches_alike(&self, model: &Model) -> bool {
        let pictures = test_pictures();
        let together = self.look(model, &pictures.iter().collect::<Vec<_>>());
        let alone: Result<Vec<_>, _> = pictures.iter().map(|picture| self.look(model, &[picture])).collect();
        let alike = match (together, alone) {
            (Ok(together), Ok(alone)) => together.iter().zip(alone.iter().flatten()).all(|pair| match pair {
                (Ok(one), Ok(other)) => one.iter().zip(other).all(|(one, other)| (one - other).abs() < TOLERANCE),
                _ => false,
            }),
            _ => false,
        };
        if !alike {
            tracing::info!(model = model.name(), "a model looks at one picture at a time");
        }
        alike
    }
}

/// Two that differ, of the smallest size that is taken.
fn test_pictures() -> [DynamicImage; 2] {
    let byte = |number: u32| u8::try_from(number % 256).unwrap_or(u8::MAX);
    let stripes = RgbImage::from_fn(80, 80, |x, y| Rgb([byte(x * 3), byte(y * 3), byte(x * y)]));
    [DynamicImage::new_rgb8(80, 80), stripes.into()]
}

fn the_input<'a>(inputs: &'a [Input], model: &Model) -> Result<&'a Input, ModelError> {
    let fault = |problem: String| ModelError::of_file(model.network(), problem, NETWORK_CURE);
    match inputs {
        [input] if input.is_float => Ok(input),
        [_] => Err(fault("its input is not made of 32-bit floating-point numbers".to_owned())),
        other => Err(fault(format!("it has {} inputs, and a classifier of pictures has one", other.len()))),
    }
}

/// How the numbers of a picture are ordered, by the shape of the input; and that what goes in fits.
fn layout(input: &Input, model: &Model) -> Result<Layout, ModelError> {
    let network = model.network();
    let said = model.layout;
    let Some(sides) = &input.sides else { return Ok(said.unwrap_or(Layout::Nchw)) };
    let shown = sides
        .iter()
        .map(|side| side.map_or_else(|| "?".to_owned(), |side| side.to_string()))
        .collect::<Vec<_>>()
        .join(" × ");
    let &[batch, second, third, last] = sides.as_slice() else {
        return Err(ModelError::of_file(
            network,
            format!("its input is {shown}, not a batch of pictures"),
            NETWORK_CURE,
        ));
    };
    if batch.is_some_and(|batch| batch != 1) {
        let cure = "Export it for one picture at a time, or with a first side of any length";
        return Err(ModelError::of_file(network, format!("its input is {shown}: a fixed number of pictures"), cure));
    }
    let colours = |side: Option<usize>| side.is_none_or(|side| side == 3);
    let layout = said.unwrap_or(if colours(second) && !(second.is_none() && last == Some(3)) {
        Layout::Nchw
    } else {
        Layout::Nhwc
    });
    let (channels, height, width) = match layout {
        Layout::Nchw => (second, third, last),
        Layout::Nhwc => (last, second, third),
    };
    if !colours(channels) {
        let (problem, cure) =
            (format!("the network's input is {shown}"), "Write \"NCHW\" or \"NHWC\", by where its 3 is");
        return Err(ModelError::of_field(&model.directory().join("detector.toml"), "layout", problem, cure));
    }
    let size = model.steps.size();
    let fits = |side: Option<usize>, given: u32| side.is_none_or(|side| side == given as usize);
    if !fits(height, size.height) || !fits(width, size.width) {
        return Err(model.wrong_size(&shown));
    }
    Ok(layout)
}

/// A panic as an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(format!("the runtime panicked: {}", said(&*panic))))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}
