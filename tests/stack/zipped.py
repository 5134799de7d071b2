"""Zips an executable as Lambda takes it: `zipped.py EXECUTABLE ZIP`. The same bytes give the same zip."""

import pathlib
import sys
import zipfile

executable, target = map(pathlib.Path, sys.argv[1:])
entry = zipfile.ZipInfo("bootstrap")
entry.external_attr = 0o755 << 16
entry.compress_type = zipfile.ZIP_DEFLATED
target.parent.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(target, "w") as archive:
    archive.writestr(entry, executable.read_bytes(), compresslevel=9)
