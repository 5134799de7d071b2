"""Drives the real binary by its own contracts: as nobody, viewer, moderator and program, one minute in all.

SEED=… repeats a run; SHARE=20 gives each caller twenty times its time, as `make test-long` does."""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARY = os.environ.get("LABELCAST", str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/labelcast"))
SEED = os.environ.get("SEED", "20261125")
# What is asked as whom, in seconds.
CALLERS = {"nobody": 8, "viewer": 22, "moderator": 18, "program": 12}
SHARE = float(os.environ.get("SHARE", "1"))


def picture(keywords, color):
    """A PNG of one colour that carries keywords."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    width, height = 160, 120
    pixels = zlib.compress((b"\0" + bytes(color) * width) * height)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"tEXt", b"Keywords\0" + keywords.encode()), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def call(url, token=None, body=None, kind="application/json", headers=()):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": kind, **dict(headers)})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def upload(api, token, content):
    size = {"name": "one.png", "content_type": "image/png", "size": len(content)}
    form = json.loads(call(f"{api}/uploads", token, json.dumps(size).encode()))
    boundary = uuid.uuid4().hex
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form["fields"].items()
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="one.png"\r\nContent-Type: image/png\r\n\r\n'
    body = (fields + file).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    call(form["url"], None, body, f"multipart/form-data; boundary={boundary}")
    ends = time.monotonic() + 120
    while json.loads(call(f"{api}/uploads/{form['upload_id']}", token))["state"] != "labelled":
        assert time.monotonic() < ends, "the picture was not labelled"
        time.sleep(0.1)


def command(data, *arguments):
    done = subprocess.run([BINARY, *arguments[:1], "--data", data, *arguments[1:]], check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1]


def lint(api, work):
    for name in ["openapi", "asyncapi"]:
        document = Path(work) / f"{name}.json"
        document.write_text(json.dumps(json.loads(call(f"{api}/{name}.json")), indent=1))
        linter = HERE / "node_modules/@redocly/cli/bin/cli.js"
        quiet = os.environ | {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
        options = ["--config", HERE / "redocly.yaml", "--format", "stylish"]
        subprocess.run(["node", linter, "lint", document, *options], check=True, env=quiet)


def drive(api, caller, seconds, headers, work, cursor):
    seconds = max(5, int(seconds * SHARE))
    print(f"as {caller}: {seconds} s, seed {SEED}", flush=True)
    tool = Path(sys.executable).parent / "schemathesis"
    options = [f"--seed={SEED}", f"--max-time={seconds}", "--max-examples=60", "--phases=examples,coverage,fuzzing"]
    # A busy machine is slow; that is no fault of the contract.
    options += ["--suppress-health-check=all", "--request-timeout=60", "--continue-on-failure", "--no-shrink", "--warnings=off"]
    for name, value in headers.items():
        options += ["--header", f"{name}: {value}"]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "LABELCAST_CURSOR": cursor}
    run = [tool, "--config-file", HERE / "schemathesis.toml", "run", f"{api}/openapi.json", "--url", api, *options]
    return subprocess.run(run, cwd=work, env=environment).returncode == 0


def main():
    with tempfile.TemporaryDirectory(prefix="labelcast-rest-") as work:
        data = f"{work}/data"
        options = ["--listen", "127.0.0.1:0", "--uploads-per-hour", "1000000"]
        server = subprocess.Popen([BINARY, "serve", "--data", data, *options], stdout=subprocess.PIPE, text=True)
        try:
            said = ""
            while "Ctrl-C" not in said:
                line = server.stdout.readline()
                assert line, f"the server ended: {said}"
                said += line
            api = re.search(r"http://[^/\s]+", said)[0] + "/api"
            viewer, moderator = (command(data, "token", user) for user in ("viewer", "moderator"))
            key = command(data, "keys", "add", "all", "--allow", "search,publish:app:*")
            for keywords, color in [("lighthouse", (20, 60, 200)), ("harbour", (20, 160, 90)), ("Graphic Violence", (200, 20, 20))]:
                upload(api, viewer, picture(keywords, color))
            call(f"{api}/topics/app:builds", body=b'{"event":"build.done"}', headers={"x-api-key": key}.items())
            cursor = json.loads(call(f"{api}/images?limit=1", viewer))["next"]
            lint(api, work)
            headers = {
                "nobody": {},
                "viewer": {"Authorization": f"Bearer {viewer}"},
                "moderator": {"Authorization": f"Bearer {moderator}"},
                "program": {"x-api-key": key},
            }
            failed = [who for who, seconds in CALLERS.items() if not drive(api, who, seconds, headers[who], work, cursor)]
            assert server.poll() is None, "the server ended"
        finally:
            server.terminate()
            server.wait(60)
        if failed:
            sys.exit(f"the server does not keep its contract as {', '.join(failed)}; SEED={SEED} repeats this")


if __name__ == "__main__":
    main()
