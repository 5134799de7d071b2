"""Converts the classifier's weights into ONNX, and sees that the result answers as it should.

    convert.py WEIGHTS MODEL

Needs what tools.txt names, and nothing else."""

import sys

import numpy
import onnx
from onnx.reference import ReferenceEvaluator

import network
import weights

# What the network answered to the test picture in ONNX Runtime on the day on which it named photographs rightly (docs/models.md):
# the five highest of its thousand logits, and what is true of all. The epsilon of PyTorch, or padding on the other side, moves
# each of them by more than 0.5.
HIGHEST = {885: 5.9752, 641: 5.5862, 782: 5.4510, 522: 5.0313, 506: 5.0188}
MEAN, DEVIATION = -0.0809, 1.4486
TOLERANCE = 0.001


def test_picture():
    """Slanted ramps of another slope in each colour, under a chessboard: every kernel has something to see."""
    row, column, colour = numpy.meshgrid(*map(numpy.arange, (network.SIDE, network.SIDE, 3)), indexing="ij")
    board = (row // 16 + column // 16) % 2 * 90
    return (column * (colour + 1) + row * (3 - colour) + board) % 256


def check(model):
    picture = ((test_picture().astype(numpy.float32) - 127) / 128).transpose(2, 0, 1)[None]
    (logits,) = ReferenceEvaluator(model).run(None, {"pixel_values": picture})[0]
    wrong = [name for name, logit in HIGHEST.items() if abs(logits[name] - logit) > TOLERANCE]
    if wrong or abs(logits.mean() - MEAN) > TOLERANCE or abs(logits.std() - DEVIATION) > TOLERANCE:
        sys.exit(f"the converted network does not answer as it should: class {int(logits.argmax())} with {logits.max():.4f}")


if __name__ == "__main__":
    source, destination = sys.argv[1:]
    made = network.build(weights.read(source))
    check(made)
    onnx.save(made, destination)
