//! Networks that tests write themselves: ONNX, as little of Protobuf as it takes.

/// The side of an input: of this length, or any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Fixed(u64),
    Any,
}

/// A network with an input `pixel_values` and an output `logits`.
#[derive(Debug, Clone)]
pub struct Network {
    input: Vec<Side>,
    /// By ONNX's numbers: 1 is `float`, 2 `uint8`.
    input_type: u64,
    nodes: Vec<Vec<u8>>,
    weights: Vec<Vec<u8>>,
    outputs: Vec<String>,
}

impl Network {
    pub fn new(input: &[Side]) -> Self {
        let outputs = vec!["logits".to_owned()];
        Self { input: input.to_vec(), input_type: 1, nodes: Vec::new(), weights: Vec::new(), outputs }
    }

    #[must_use]
    pub fn with_input_type(mut self, number: u64) -> Self {
        self.input_type = number;
        self
    }

    #[must_use]
    pub fn with_outputs(mut self, names: &[&str]) -> Self {
        self.outputs = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// A step, from tensors to a tensor.
    #[must_use]
    pub fn node(mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Attribute]) -> Self {
        let mut node = Vec::new();
        for input in inputs {
            bytes(&mut node, 1, input.as_bytes());
        }
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 3, format!("{kind} of {output}").as_bytes());
        bytes(&mut node, 4, kind.as_bytes());
        for attribute in attributes {
            bytes(&mut node, 5, &attribute.0);
        }
        self.nodes.push(node);
        self
    }

    #[must_use]
    pub fn floats(mut self, name: &str, shape: &[u64], numbers: &[f32]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.weights.push(tensor(name, shape, 1, &raw));
        self
    }

    #[must_use]
    pub fn integers(mut self, name: &str, shape: &[u64], numbers: &[i64]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.weights.push(tensor(name, shape, 7, &raw));
        self
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        self.nodes.iter().for_each(|node| bytes(&mut graph, 1, node));
        bytes(&mut graph, 2, b"test");
        self.weights.iter().for_each(|weights| bytes(&mut graph, 5, weights));
        bytes(&mut graph, 11, &value("pixel_values", self.input_type, Some(&self.input)));
        self.outputs.iter().for_each(|name| bytes(&mut graph, 12, &value(name, 1, None)));
        let mut model = Vec::new();
        number(&mut model, 1, 8);
        bytes(&mut model, 7, &graph);
        let mut opset = Vec::new();
        number(&mut opset, 2, 17);
        bytes(&mut model, 8, &opset);
        model
    }
}

/// A setting of a node.
#[derive(Debug, Clone)]
pub struct Attribute(Vec<u8>);

impl Attribute {
    pub fn integer(name: &str, value: u64) -> Self {
        let mut attribute = Vec::new();
        bytes(&mut attribute, 1, name.as_bytes());
        number(&mut attribute, 3, value);
        number(&mut attribute, 20, 2);
        Self(attribute)
    }

    pub fn integers(name: &str, values: &[u64]) -> Self {
        let mut attribute = Vec::new();
        bytes(&mut attribute, 1, name.as_bytes());
        for value in values {
            number(&mut attribute, 8, *value);
        }
        number(&mut attribute, 20, 7);
        Self(attribute)
    }
}

fn value(name: &str, kind: u64, sides: Option<&[Side]>) -> Vec<u8> {
    let mut of_tensor = Vec::new();
    number(&mut of_tensor, 1, kind);
    if let Some(sides) = sides {
        let mut shape = Vec::new();
        for side in sides {
            let mut dimension = Vec::new();
            match side {
                Side::Fixed(length) => number(&mut dimension, 1, *length),
                Side::Any => bytes(&mut dimension, 2, b"any"),
            }
            bytes(&mut shape, 1, &dimension);
        }
        bytes(&mut of_tensor, 2, &shape);
    }
    let mut of_value = Vec::new();
    bytes(&mut of_value, 1, &of_tensor);
    let mut value = Vec::new();
    bytes(&mut value, 1, name.as_bytes());
    bytes(&mut value, 2, &of_value);
    value
}

fn tensor(name: &str, shape: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for side in shape {
        number(&mut tensor, 1, *side);
    }
    number(&mut tensor, 2, kind);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, raw);
    tensor
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn varint(into: &mut Vec<u8>, number: u64) {
    let [lowest, ..] = number.to_le_bytes();
    match number >> 7 {
        0 => into.push(lowest),
        rest => {
            into.push(lowest | 0x80);
            varint(into, rest);
        }
    }
}

fn number(into: &mut Vec<u8>, field: u64, number: u64) {
    varint(into, field << 3);
    varint(into, number);
}

fn bytes(into: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, content.len() as u64);
    into.extend_from_slice(content);
}
