//! Networks in `rten`.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rten::{DataType, Dimension, Model, NodeId, NodeInfo, RunOptions, ThreadPool, Value, ValueType};
use rten_tensor::{Layout, Tensor as RtenTensor};

use super::network::{Answer, Input, Network};
use crate::preprocess::Tensor;

pub(super) struct RtenNetwork {
    model: Model,
    inputs: Vec<Input>,
    outputs: Vec<String>,
}

/// Threads that wait for a run. Each run has one of its own: several pictures at once keep all cores busy, and a run that never
/// ends takes nothing from the others. There are as many as there were runs at once.
static IDLE: Mutex<Vec<Arc<ThreadPool>>> = Mutex::new(Vec::new());

impl RtenNetwork {
    pub(super) fn open(file: &Path) -> Result<Self, String> {
        let model = Model::load_file(file).map_err(|error| error.to_string())?;
        let info = |id: &NodeId| model.node_info(*id);
        let inputs = model.input_ids().iter().map(|id| described(info(id))).collect();
        let named = |id: &NodeId| info(id).and_then(|info| info.name().map(str::to_owned)).unwrap_or_default();
        let outputs = model.output_ids().iter().map(named).collect();
        Ok(Self { model, inputs, outputs })
    }
}

fn described(info: Option<NodeInfo>) -> Input {
    let dtype = info.as_ref().and_then(NodeInfo::dtype);
    let side = |dimension: Dimension| match dimension {
        Dimension::Fixed(length) => Some(length),
        Dimension::Symbolic(_) => None,
    };
    let sides = info.and_then(|info| info.shape()).map(|shape| shape.into_iter().map(side).collect());
    // What says nothing is tried.
    Input { is_float: dtype.is_none_or(|dtype| dtype == ValueType::Tensor(DataType::Float)), sides }
}

impl Network for RtenNetwork {
    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, tensor: Tensor, output: usize) -> Result<Answer, String> {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let thread = idle.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(1)));
        let options = RunOptions::default().with_thread_pool(Some(thread.clone()));
        let input = Value::from_shape(&tensor.shape, tensor.numbers).map_err(|error| error.to_string())?;
        let (Some(input_id), Some(output_id)) = (self.model.input_ids().first(), self.model.output_ids().get(output))
        else {
            return Err("it has no input or no output".to_owned());
        };
        let values = self.model.run(vec![(*input_id, input.into())], &[*output_id], Some(options));
        // After a panic it is not given back.
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        let value = values.map_err(|error| error.to_string())?.pop().ok_or("it answered nothing")?;
        let answer: RtenTensor<f32> =
            value.into_tensor().ok_or("its output is not made of 32-bit floating-point numbers")?;
        Ok(Answer { shape: answer.shape().to_vec(), numbers: answer.into_data() })
    }
}
