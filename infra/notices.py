"""Gathers the notices of everything that is linked into the binaries, sent to browsers, or shipped beside them.

    python3 infra/notices.py            writes THIRD-PARTY-NOTICES.txt
    python3 infra/notices.py --check    fails if it is not what it would write, or if a dependency has no notice

Models are those that `make models` makes. Crates are those that `labelcast` and the functions of AWS are linked with; packages are those that Vite packs into the web
app. Equal texts stand once, with all that they belong to. Needs Cargo, and `web/node_modules` as `npm ci` makes it."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "THIRD-PARTY-NOTICES.txt"
BINARIES = ["labelcast", "labelcast-aws"]
TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
# What the web app is packed from; compilers and linters do not end up in it.
PACKAGES = ["@fontsource-variable/instrument-sans", "oidc-client-ts", "jwt-decode", "svelte", "esm-env", "clsx"]
NAMES = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense|ofl)([-._].*)?$", re.IGNORECASE)
MIT = """Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation
files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy,
modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software
is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES
OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE
LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR
IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def texts(folder, below=("", "aws-lc", "LICENSES")):
    """The notices that lie in a package."""
    found = []
    for part in below:
        place = folder / part
        if place.is_dir():
            files = sorted(file for file in place.iterdir() if file.is_file())
            found += [file for file in files if NAMES.match(file.name) or part == "LICENSES"]
    read = [file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip() for file in found]
    return [text for text in read if text]


def crates():
    """What is linked: name with version, licence, notices."""
    linked = {}
    for target in TARGETS:
        command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
        metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
        packages = {package["id"]: package for package in metadata["packages"]}
        nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        waiting = [id for id, package in packages.items() if package["name"] in BINARIES]
        seen = set(waiting)
        while waiting:
            for dependency in nodes[waiting.pop()]["deps"]:
                # Neither what only builds nor what only tests is linked; macros run in the compiler.
                normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
                macro = any("proc-macro" in made["kind"] for made in packages[dependency["pkg"]]["targets"])
                if normal and not macro and dependency["pkg"] not in seen:
                    seen.add(dependency["pkg"])
                    waiting.append(dependency["pkg"])
        linked |= {id: packages[id] for id in seen if packages[id]["source"]}
    for package in linked.values():
        folder = Path(package["manifest_path"]).parent
        licence = package["license"] or ""
        notices = texts(folder)
        if not notices and "MIT" in licence:
            # Published without its text; the terms are those that its manifest names.
            authors = ", ".join(author.split(" <")[0] for author in package["authors"]) or f"the authors of {package['name']}"
            notices = [f"Copyright (c) {authors}\n\n{MIT}"]
        yield f"{package['name']} {package['version']}", licence, notices


def packages():
    """What the web app is packed from."""
    for name in PACKAGES:
        folder = ROOT / "web/node_modules" / name
        about = json.loads((folder / "package.json").read_text())
        yield f"{name} {about['version']} (npm)", about.get("license", ""), texts(folder)


def models():
    """What sees what a picture shows; it lies beside the binary."""
    for detector in sorted((ROOT / "infra/models").glob("*/detector.toml")):
        yield f"{detector.parent.name} (model)", tomllib.loads(detector.read_text())["licence"], texts(detector.parent)


def document():
    owners, lacking = {}, []
    everything = sorted([*crates(), *packages(), *models()])
    # Some are published without the text of the licence that they name; it is the same for all.
    apache = next(text for _, _, notices in everything for text in notices if text.startswith("Apache License"))
    for name, licence, notices in everything:
        if not notices and "Apache-2.0" in licence:
            notices = [apache]
        if not licence or not notices:
            lacking.append(name)
        for notice in notices:
            # Texts differ in how their lines are broken.
            owners.setdefault(" ".join(notice.split()), (notice, []))[1].append(f"{name}: {licence}")
    if lacking:
        sys.exit(f"without a licence or a notice: {', '.join(lacking)}")
    parts = [
        "Labelcast is under the MIT licence. It contains the work of others, under the terms below.\n"
        "Made by infra/notices.py; do not edit.\n"
    ]
    for notice, names in sorted(owners.values(), key=lambda owned: (owned[1], owned[0])):
        parts.append("=" * 80 + "\n" + "\n".join(names) + "\n" + "-" * 80 + "\n" + notice + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    made = document()
    if sys.argv[1:] == ["--check"]:
        if not OUTPUT.exists() or OUTPUT.read_text() != made:
            sys.exit("the dependencies changed: run `python3 infra/notices.py` and commit THIRD-PARTY-NOTICES.txt")
    else:
        OUTPUT.write_text(made)
