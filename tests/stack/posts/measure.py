"""Posts for a second of CPU: what `notify` pays for each receiver on AWS. Its own client, the SDKs for Node and Python, and an
HTTP client alone, in turns, on a core of their own; a server on the other core answers 200. What a process needs to start is
measured with no posts, and taken away. Prints a table in Markdown; `make bench-posts`."""

import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

TURNS = 5
HERE = pathlib.Path(__file__).parent
POSTS = f"{os.environ.get('CARGO_TARGET_DIR', 'target')}/lambda/examples/posts"
MEASURED = {
    "HTTP client alone, unsigned": ([POSTS, "hyper"], 100_000),
    "Labelcast (SDK for Rust)": ([POSTS, "sdk"], 50_000),
    "SDK for Node 20": (["node", str(HERE / "posts.cjs")], 10_000),
    "SDK for Python 3.11": ([sys.executable, str(HERE / "posts.py")], 5_000),
}
VARIABLES = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "measured",
    "AWS_SECRET_ACCESS_KEY": "measured",
    "NODE_PATH": str(pathlib.Path("target/stack/peers/node_modules").resolve()),
    "PATH": os.environ["PATH"],
}


def cpu_seconds(arguments, count):
    process = subprocess.Popen(["taskset", "-c", "1", *arguments, str(count)], env=VARIABLES)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{arguments} failed")
    return used.ru_utime + used.ru_stime


def listening(port):
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


def main():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    server = subprocess.Popen(["taskset", "-c", "0", POSTS, "serve", str(port)])
    figures = {name: [] for name in MEASURED}
    try:
        listening(port)
        for _ in range(TURNS):
            for name, (arguments, count) in MEASURED.items():
                arguments = [*arguments, f"http://127.0.0.1:{port}"]
                used = cpu_seconds(arguments, count) - cpu_seconds(arguments, 0)
                figures[name].append(count / used)
    finally:
        server.kill()
        server.wait()
    ours = statistics.median(figures["Labelcast (SDK for Rust)"])
    print("| posts | a CPU-second: median | least to most | Labelcast is |\n| --- | --- | --- | --- |")
    for name, rates in figures.items():
        median = statistics.median(rates)
        print(f"| {name} | {median:,.0f} | {min(rates):,.0f} to {max(rates):,.0f} | {ours / median:.2f} × |")


if __name__ == "__main__":
    main()
