"""What a model sees in photographs, by ONNX Runtime and Pillow, from nothing but the files in the model's directory.

    target/onnxruntime/bin/python tests/models/see.py target/models/efficientnet-lite0 PHOTOGRAPH…"""

import json
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy
import onnxruntime
from PIL import Image, ImageOps


class Model:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.detector = tomllib.loads((self.directory / "detector.toml").read_text())
        self.steps = json.loads((self.directory / "preprocessor_config.json").read_text())
        names = json.loads((self.directory / "config.json").read_text())["id2label"]
        self.names = [names[str(number)] for number in range(len(names))]
        self.session = onnxruntime.InferenceSession(self.directory / "model.onnx", providers=["CPUExecutionProvider"])
        self.broader = defaultdict(list)
        if "labels" in self.detector:
            _, *rows = (self.directory / self.detector["labels"]).read_text(encoding="utf-8").splitlines()
            for number, (_, _, broader) in enumerate(row.split("\t") for row in rows):
                for label in filter(None, broader.split("|")):
                    self.broader[label].append(number)

    def pixels(self, photograph):
        steps, size = self.steps, self.steps["size"]
        with Image.open(photograph) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        if edge := size.get("shortest_edge"):
            scale = edge / min(picture.size)
            size = {"width": round(picture.width * scale), "height": round(picture.height * scale)}
        picture = picture.resize((size["width"], size["height"]), Image.Resampling(steps["resample"]))
        width, height = steps["crop_size"]["width"], steps["crop_size"]["height"]
        left, top = (picture.width - width) // 2, (picture.height - height) // 2
        pixels = numpy.asarray(picture.crop((left, top, left + width, top + height)), numpy.float32)
        if self.detector.get("channels") == "BGR":
            pixels = pixels[:, :, ::-1]
        if steps["do_rescale"]:
            pixels = pixels * numpy.float32(steps["rescale_factor"])
        pixels = (pixels - numpy.float32(steps["image_mean"])) / numpy.float32(steps["image_std"])
        return pixels if self.detector.get("layout") == "NHWC" else pixels.transpose(2, 0, 1)

    def probabilities(self, photographs):
        batch = numpy.ascontiguousarray(numpy.stack([self.pixels(photograph) for photograph in photographs]))
        (numbers,) = self.session.run(None, {self.session.get_inputs()[0].name: batch})
        if self.detector["activation"] == "softmax":
            raised = numpy.exp(numbers - numbers.max(axis=1, keepdims=True))
            numbers = raised / raised.sum(axis=1, keepdims=True)
        return numbers

    def labels(self, probabilities):
        """Every label with its probability, the likeliest first: a broader one has the sum of its classes."""
        found = dict(zip(self.names, map(float, probabilities)))
        for label, classes in self.broader.items():
            own = self.names.index(label) if label in self.names else None
            found[label] = float(sum(probabilities[number] for number in {*classes, own} - {None}))
        return sorted(found.items(), key=lambda pair: -pair[1])


if __name__ == "__main__":
    model, *photographs = sys.argv[1:]
    model = Model(model)
    for photograph, probabilities in zip(photographs, model.probabilities(photographs)):
        seen = ", ".join(f"{label} {probability:.2f}" for label, probability in model.labels(probabilities)[:8])
        print(f"{Path(photograph).name}: {seen}")
