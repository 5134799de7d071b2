//! Networks in ONNX Runtime, whose library the operator names.

use std::fmt;
use std::fs;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::Session;
use ort::value::{Outlet, Tensor as OrtTensor, TensorElementType, ValueType};

use super::network::{Answer, Input, Network};
use crate::preprocess::Tensor;

/// The loaded library. There can be one in a process.
pub struct OnnxRuntime {
    environment: Environment,
    library: PathBuf,
}

/// The library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{}: ONNX Runtime cannot be loaded from there: {why}. Name the file libonnxruntime.so.* of version 1.{} or newer, for instance \
     the one in the package onnxruntime of PyPI",
    .library.display(), ort::MINOR_VERSION
)]
pub struct EngineError {
    library: PathBuf,
    why: String,
}

impl OnnxRuntime {
    /// Loads the library. What is in it runs as part of this process.
    ///
    /// # Errors
    /// It is no ONNX Runtime, too old, or another was loaded before.
    pub fn load(library: &Path) -> Result<Self, EngineError> {
        let failed = |why: String| EngineError { library: library.to_owned(), why };
        let library = fs::canonicalize(library).map_err(|error| failed(error.to_string()))?;
        // It asserts where it does not return errors.
        let loaded = panic::catch_unwind(|| {
            let builder = ort::init_from(&library).map_err(|error| error.to_string())?;
            builder.with_name("labelcast").with_telemetry(false).build().map_err(|error| error.to_string())
        });
        let environment = loaded.unwrap_or_else(|_| Err("it is no ONNX Runtime".to_owned())).map_err(failed)?;
        Ok(Self { environment, library })
    }

    /// Where it was loaded from.
    pub fn library(&self) -> &Path {
        &self.library
    }

    pub(super) fn open(&self, file: &Path, runs: NonZeroUsize, threads: usize) -> Result<OrtNetwork, String> {
        // All at once: the file may be another one later.
        let sessions: Vec<Session> = (0..runs.get()).map(|_| self.session(file, threads)).collect::<Result<_, _>>()?;
        let first = sessions.first().ok_or("there is no session")?;
        let inputs = first.inputs().iter().map(described).collect();
        let outputs = first.outputs().iter().map(|output| output.name().to_owned()).collect();
        Ok(OrtNetwork { idle: Mutex::new(sessions), returned: Condvar::new(), inputs, outputs })
    }

    fn session(&self, file: &Path, threads: usize) -> Result<Session, String> {
        let in_words = |error: &dyn fmt::Display| error.to_string();
        let builder = Session::builder(&self.environment).map_err(|error| in_words(&error))?;
        let builder = builder.with_intra_threads(threads).map_err(|error| in_words(&error))?;
        // Other work waits for the cores.
        let mut builder = builder.with_intra_op_spinning(false).map_err(|error| in_words(&error))?;
        builder.commit_from_file(file).map_err(|error| in_words(&error))
    }
}

impl fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxRuntime").field("library", &self.library).finish_non_exhaustive()
    }
}

pub(super) struct OrtNetwork {
    /// As many as there are runs at once: a session does one at a time.
    idle: Mutex<Vec<Session>>,
    returned: Condvar,
    inputs: Vec<Input>,
    outputs: Vec<String>,
}

fn described(outlet: &Outlet) -> Input {
    let ValueType::Tensor { ty, shape, .. } = outlet.dtype() else {
        return Input { is_float: false, sides: None };
    };
    let sides = shape.iter().map(|side| usize::try_from(*side).ok()).collect();
    Input { is_float: *ty == TensorElementType::Float32, sides: Some(sides) }
}

impl Network for OrtNetwork {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, tensor: Tensor, output: usize) -> Result<Answer, String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut idle = self.returned.wait_while(idle, |idle| idle.is_empty()).unwrap_or_else(PoisonError::into_inner);
        let mut session = idle.pop().ok_or("no session is left")?;
        drop(idle);
        let run = panic::catch_unwind(AssertUnwindSafe(|| computed(&mut session, tensor, output)));
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        self.returned.notify_one();
        run.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }
}

fn computed(session: &mut Session, tensor: Tensor, output: usize) -> Result<Answer, String> {
    let input = OrtTensor::from_array((tensor.shape, tensor.numbers)).map_err(|error| error.to_string())?;
    let outputs = session.run(ort::inputs![input]).map_err(|error| error.to_string())?;
    let value = outputs.values().nth(output).ok_or("it answered nothing")?;
    let (shape, numbers) = value.try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
    let shape = shape.iter().map(|side| usize::try_from(*side).unwrap_or(0)).collect();
    Ok(Answer { shape, numbers: numbers.to_vec() })
}
