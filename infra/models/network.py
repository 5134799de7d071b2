"""EfficientNet-Lite0 as an ONNX graph: EfficientNet-B0 without squeeze-and-excite, with ReLU6 instead of swish."""

import numpy
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 17
EPSILON = 0.001
SIDE = 224
# Repeats, kernel, stride of the first, expansion, channels in and out.
STAGES = [
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
]


class Graph:
    """Nodes in the order in which they run; batch normalisations are folded into the convolutions before them."""

    def __init__(self, weights):
        self.weights = dict(weights)
        self.nodes = []
        self.constants = []
        self.constant("zero", numpy.float32(0))
        self.constant("six", numpy.float32(6))

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(numpy.asarray(value, numpy.float32), name))
        return name

    def node(self, kind, name, inputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def take(self, name):
        return self.weights.pop(name)

    def convolution(self, before, name, norm, stride=1, activated=True):
        weight = self.take(f"{name}.weight").astype(numpy.float64)
        gamma, beta, mean, variance = (
            self.take(f"{norm}.{part}").astype(numpy.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gamma / numpy.sqrt(variance + EPSILON)
        kernel = weight.shape[2]
        # A depthwise convolution has one filter a channel.
        group = weight.shape[0] if weight.shape[1] == 1 else 1
        made = self.node(
            "Conv",
            name,
            [
                before,
                self.constant(f"{name}.weight", weight * scale[:, None, None, None]),
                self.constant(f"{name}.bias", beta - mean * scale),
            ],
            # As TensorFlow pads, where the network was trained.
            auto_pad="SAME_UPPER",
            group=group,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
        )
        return self.node("Clip", f"{name}.relu6", [made, "zero", "six"]) if activated else made

    def block(self, before, name, stride, expansion, residual):
        inside = before
        if expansion > 1:
            inside = self.convolution(inside, f"{name}._expand_conv", f"{name}._bn0")
        inside = self.convolution(inside, f"{name}._depthwise_conv", f"{name}._bn1", stride)
        inside = self.convolution(inside, f"{name}._project_conv", f"{name}._bn2", activated=False)
        return self.node("Add", f"{name}.sum", [inside, before]) if residual else inside


def build(weights):
    """The model: pictures in a batch of any size, as N×3×224×224, to 1,000 logits each."""
    graph = Graph({name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")})
    last = graph.convolution("pixel_values", "_conv_stem", "_bn0", 2)
    blocks = [
        (stride if repeat == 0 else 1, expansion, repeat > 0 or (stride == 1 and into == out))
        for repeats, _, stride, expansion, into, out in STAGES
        for repeat in range(repeats)
    ]
    for number, (stride, expansion, residual) in enumerate(blocks):
        last = graph.block(last, f"_blocks.{number}", stride, expansion, residual)
    last = graph.convolution(last, "_conv_head", "_bn1")
    last = graph.node("GlobalAveragePool", "pooled", [last])
    last = graph.node("Flatten", "features", [last])
    # Stored the way it is multiplied, so that no runtime has to turn it around.
    weight = graph.constant("_fc.weight", numpy.ascontiguousarray(graph.take("_fc.weight").T))
    graph.node("Gemm", "logits", [last, weight, graph.constant("_fc.bias", graph.take("_fc.bias"))])
    if graph.weights:
        raise ValueError(f"weights that the network has no place for: {', '.join(sorted(graph.weights))}")
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 1000])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="labelcast",
    )
    checker.check_model(made, full_check=True)
    return made
