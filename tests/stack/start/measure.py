"""How fast `notify` starts: from the start of its process to its first call for work, and the memory that it has then. A
stand-in for Lambda's Runtime API takes the call. Beside it, in the same run, functions in Node and Python that make the same
clients. Prints a table in Markdown; `make bench-start`."""

import http.server
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

RUNS = 20
HERE = pathlib.Path(__file__).parent
VARIABLES = {
    "_HANDLER": "notify",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "measured",
    "AWS_SECRET_ACCESS_KEY": "measured",
    "AWS_LAMBDA_FUNCTION_NAME": "notify",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_LOG_GROUP_NAME": "group",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    "LABELCAST_LIVE_TABLE": "live",
    "LABELCAST_IMAGES_TABLE": "images",
    "LABELCAST_HISTORY_TABLE": "history",
    "LABELCAST_BUCKET": "bucket",
    "LABELCAST_OBJECTS_URL": "https://bucket.s3.eu-west-1.amazonaws.com",
    "LABELCAST_MANAGEMENT_ENDPOINT": "https://api.execute-api.eu-west-1.amazonaws.com/live",
    "LABELCAST_DELIVERY_QUEUE": "https://sqs.eu-west-1.amazonaws.com/000000000000/deliveries",
    "NODE_PATH": str(pathlib.Path("target/stack/peers/node_modules").resolve()),
    "PATH": os.environ["PATH"],
}


class Asked(http.server.BaseHTTPRequestHandler):
    """Notes when work was asked for, and gives none."""

    def do_GET(self):
        self.server.asked = time.monotonic()
        self.server.came.set()
        self.server.ended.wait()

    def log_message(self, *_):
        pass


def once(arguments):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.came, server.ended = threading.Event(), threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = VARIABLES | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    begin = time.monotonic()
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        if not server.came.wait(30):
            raise SystemExit(f"{arguments} asked for no work:\n{process.stderr.read().decode() if process.poll() is not None else ''}")
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return (server.asked - begin) * 1000, int(resident) / 1024
    finally:
        process.kill()
        process.wait()
        server.ended.set()
        server.shutdown()
        server.server_close()


def main():
    measured = {
        "bootstrap": [f"{os.environ.get('CARGO_TARGET_DIR', 'target')}/lambda/bootstrap"],
        "Node 20": ["node", str(HERE / "notify.cjs")],
        "Python 3.11": [sys.executable, str(HERE / "notify.py")],
    }
    figures = {name: [] for name in measured}
    for _ in range(RUNS):
        # In turns, so that what else the machine does falls on all of them.
        for name, arguments in measured.items():
            figures[name].append(once(arguments))
    print("| notify | start to first `next`: median ms | worst ms | resident MB |\n| --- | --- | --- | --- |")
    for name, pairs in figures.items():
        starts, memory = zip(*pairs)
        print(f"| {name} | {statistics.median(starts):.1f} | {max(starts):.1f} | {statistics.median(memory):.1f} |")


if __name__ == "__main__":
    main()
