"""Measures what uploads and notifications cost on AWS: `make costs` prints the table of docs/cost.md.

The packaged stack runs on the emulator, without its authorisation: DynamoDB is asked for the units of each call, which the
functions do not ask for themselves. Sockets are made up, and take every post at once. What is counted is calls and units,
never time."""

import collections
import hashlib
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib

import boto3

import deployed
import invocations
from calls import size
from recorder import Recorder

SAMPLES = pathlib.Path("infra/events/tests/samples")
RANGES = 4
READS = {"GetItem", "BatchGetItem", "Query"}
LABELS = ["barn", "cow", "fence", "field", "grass", "hay", "horse", "meadow", "tractor", "windmill"]


class Stack:
    """The deployed stack, and what it was seen to do since somebody last looked."""

    def __init__(self, client, recorder):
        self.client, self.recorder = client, recorder
        self.outputs = deployed.outputs(client)
        self.tokens = deployed.sign_up(client, self.outputs)
        self.seen, self.begin = 0, 0
        # A socket is known by its id and by when it connected.
        self.connected_at = int(time.time() * 1000)

    def mark(self):
        self.seen, self.begin = len(self.recorder.calls), int(time.time() * 1000)

    def wait_until_quiet(self):
        """Waits until no calls have been made for a while; functions trigger each other."""
        quiet, known = 0, len(self.recorder.calls)
        while quiet < 30:
            time.sleep(0.1)
            quiet, known = (quiet + 1 if len(self.recorder.calls) == known else 0), len(self.recorder.calls)

    def invoke(self, function, event):
        answer = self.client("lambda").invoke(FunctionName=f"labelcast-{deployed.STAGE}-{function}", Payload=json.dumps(event))
        if "FunctionError" in answer:
            raise SystemExit(f"{function}: {answer['Payload'].read()}")
        return json.load(answer["Payload"])

    def sample(self, name):
        return json.loads((SAMPLES / f"{name}.json").read_text())

    def send(self, queue, body):
        self.client("sqs").send_message(QueueUrl=self.outputs[queue], MessageBody=json.dumps(body))

    def rest(self, method, path, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.tokens['viewer']}", "Content-Type": "application/json"} | headers
        asked = urllib.request.Request(self.outputs["ApiUrl"] + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.loads(answer.read() or "null")

    def frame(self, kind, name, body=None, user="ann", lasts=3600):
        """What a made up socket has API Gateway invoke: `connect`, `message` or `disconnect`. Its token lasts so many seconds."""
        context = {"user": user, "username": user, "groups": "[]", "expires_at": str(int(time.time()) + lasts)}
        event = self.sample(f"websocket-{kind}")
        event["requestContext"] |= {"connectionId": name, "connectedAt": self.connected_at, "authorizer": context}
        event["body"] = body and json.dumps(body)
        self.invoke(kind, event)

    def socket(self, name, topics, user="ann"):
        """Opens a made up socket, and subscribes it."""
        self.frame("connect", name, user=user)
        self.frame("message", name, {"action": "subscribe", "topics": topics}, user)

    def functions(self):
        return {one["Handler"] for one in self.client("lambda").list_functions(MaxItems=1000)["Functions"]}

    def invocations(self):
        logs, counted = self.client("logs"), collections.Counter()
        for group in logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/")["logGroups"]:
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"], startTime=self.begin)
            starts = [one for page in pages for one in page["events"] if one["message"].startswith("START ")]
            counted[group["logGroupName"].rsplit("-", 1)[1]] += len(starts)
        return counted

    def spent(self, sweep=False):
        """What each function did since the mark; the schedule's sweeps are nobody's unless they are asked for."""
        rows = collections.defaultdict(collections.Counter)
        with self.recorder.lock:
            calls = self.recorder.calls[self.seen :]
        for call in calls:
            row = rows[call.request.name or "uploader"]
            if call.request.service.startswith("DynamoDB"):
                row["reads" if call.request.operation in READS else "writes"] += call.units
            # What Rekognition reads of S3 stands with its own call.
            for service in [action.split(":")[0] for action, _ in call.needs[:1]]:
                row[service] += service != "dynamodb"
        for name, count in self.invocations().items():
            if count:
                rows[name]["invocations"] += count
        if not sweep:
            rows.pop("sweep", None)
        return rows


def show(title, rows):
    columns = ["invocations", "reads", "writes", "s3", "events", "sqs", "execute-api", "rekognition"]
    total = sum(rows.values(), collections.Counter())
    print(f"\n## {title}\n\n| function | " + " | ".join(columns) + " |\n|" + " --- |" * (len(columns) + 1))
    for name, row in [*sorted(rows.items()), ("**all**", total)]:
        print(f"| {name} | " + " | ".join(f"{row[column]:g}" for column in columns) + " |", flush=True)


def picture(labels):
    """A PNG of a colour of its own, in which the detector finds these labels and no more."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes(random.randrange(256) for _ in range(3)) * 160
    header = struct.pack(">IIBBBBB", 160, 120, 8, 2, 0, 0, 0)
    words = b"Keywords\0" + ", ".join(labels).encode()
    parts = [(b"IHDR", header), (b"tEXt", words), (b"IDAT", zlib.compress(row * 120)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def upload(stack, labels=LABELS):
    whole = picture(labels)
    form = stack.rest("POST", "/uploads", {"name": "farm.png", "content_type": "image/png", "size": len(whole)})
    boundary = "picture-boundary"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form["fields"].items()]
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="farm.png"\r\n\r\n'
    body = "".join(parts + [file]).encode() + whole + f"\r\n--{boundary}--\r\n".encode()
    posted = urllib.request.Request(form["url"], body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    urllib.request.urlopen(posted, timeout=60).read()
    stack.wait_until_quiet()
    state = stack.rest("GET", f"/uploads/{form['upload_id']}")
    if state["state"] != "labelled":
        raise SystemExit(f"the upload came to nothing: {state}")
    return state


def subscribe_copies(stack, topic, count):
    """Copies the one subscription there is, evenly over the shards."""
    table, dynamodb = stack.outputs["LiveTableName"], stack.client("dynamodb")
    rows = []
    for part in range(RANGES):
        found = dynamodb.query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": f"topic#{topic}#{RANGES}.{part}"}}
        )
        rows += found["Items"]
    [row] = rows
    put = []
    for number in range(count - 1):
        name = f"made{number:011}x"
        place = f"topic#{topic}#{RANGES}.{number % RANGES}"
        put.append({"PutRequest": {"Item": row | {"pk": {"S": place}, "sk": {"S": f"*#{name}"}, "connection": {"S": name}}}})
    write(dynamodb, table, put)


def write(dynamodb, table, puts):
    for first in range(0, len(puts), 25):
        left = dynamodb.batch_write_item(RequestItems={table: puts[first : first + 25]})["UnprocessedItems"]
        assert not left, "the emulator throttles nobody"


def notified(stack, key, receivers):
    topic = f"app:t{random.randrange(10**9)}"
    stack.socket(f"made{random.randrange(10**11):011}y", [topic])
    subscribe_copies(stack, topic, receivers)
    stack.wait_until_quiet()
    stack.mark()
    stack.rest("POST", f"/topics/{topic}", {"event": "build.done", "data": {"number": 1}}, **{"x-api-key": key})
    stack.wait_until_quiet()
    spent = stack.spent()
    posts = sum(row["execute-api"] for row in spent.values())
    # A post that a busy machine did not answer in time is made again.
    if posts < receivers:
        raise SystemExit(f"{posts} posts to {receivers} receivers")
    show(f"A notification to {receivers} receivers, {RANGES} shards", spent)


def api_key(stack):
    row = {"pk": {"S": "key#" + hashlib.sha256(b"costs").hexdigest()}, "sk": {"S": "key"}, "name": {"S": "costs"}}
    row["scopes"] = {"L": [{"S": "publish:app:*"}, {"S": "search"}]}
    stack.client("dynamodb").put_item(TableName=stack.outputs["ProgramsTableName"], Item=row)
    return "costs"


def scan(stack, rows):
    """The usual way: a table of connections, scanned for each notification."""
    dynamodb = stack.client("dynamodb")
    key = [{"AttributeName": "connectionId", "KeyType": "HASH"}]
    attributes = [{"AttributeName": "connectionId", "AttributeType": "S"}]
    dynamodb.create_table(TableName="scanned", KeySchema=key, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST")
    item = lambda number: {"connectionId": {"S": f"made{number:011}z"}, "user": {"S": "u" * 36}, "token": {"S": "t" * 220}}
    write(dynamodb, "scanned", [{"PutRequest": {"Item": item(number)}} for number in range(rows)])
    pages = dynamodb.get_paginator("scan").paginate(TableName="scanned", ConsistentRead=True)
    units = sum(-(-sum(size({"M": row}) for row in page["Items"]) // 4096) for page in pages)
    print(f"\nA strong scan of {rows} connections of 300 bytes: {units:g} units; half of it if it is not strong.")


def measure(stack):
    key = api_key(stack)
    stack.socket("made00000000000u", ["uploads"], stack.client("cognito-idp").admin_get_user(
        UserPoolId=stack.outputs["UserPoolId"], Username="viewer@example.org")["Username"])
    stack.mark()
    stack.socket("made00000000000l", ["labels"])
    stack.wait_until_quiet()
    show("A socket that connects and subscribes to `labels`", stack.spent())
    upload(stack)  # Heads of histories and counts of labels begin with the first one.
    stack.mark()
    upload(stack)
    show("An upload of ten labels, one watcher of `labels`", stack.spent())
    invocations.measure(stack, key, upload)
    for receivers in [1, 100, 1_000, 10_000]:
        notified(stack, key, receivers)
    scan(stack, 10_000)


def main():
    deployed.WORK = pathlib.Path("target/stack/costs")
    deployed.WORK.mkdir(parents=True, exist_ok=True)
    (deployed.WORK / "deploy.log").unlink(missing_ok=True)
    artifact = deployed.WORK / "bootstrap.zip"
    subprocess.run([sys.executable, "tests/stack/zipped.py", deployed.BUILT / "lambda/bootstrap", artifact], check=True)
    port, processes = deployed.free_port(), []
    endpoint = f"http://127.0.0.1:{port}"
    recorder = Recorder(endpoint, units=True)
    with tempfile.TemporaryDirectory() as directory:
        try:
            processes.append(deployed.emulator(port, directory, recorder.endpoint, auth="false"))
            stand_in = deployed.started([deployed.BUILT / "debug/stand_in", endpoint], stdout=subprocess.PIPE, text=True)
            processes.append(stand_in)
            recorder.stand_in = stand_in.stdout.readline().strip()
            keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": deployed.REGION}
            variables = {"AWS_ENDPOINT_URL": endpoint, "LABELCAST_RECORDER": recorder.endpoint, "LABELCAST_ARTIFACT": str(artifact)}
            # As infra/config.yml has it; other tests have it lower.
            variables["LABELCAST_RECEIVERS_AT_ONCE"] = "5000"
            deployed.osls("deploy", os.environ | keys | variables)
            client = lambda service: boto3.client(
                service, endpoint_url=endpoint, region_name=deployed.REGION, aws_access_key_id="test", aws_secret_access_key="test"
            )
            measure(Stack(client, recorder))
        finally:
            deployed.stop(processes)


if __name__ == "__main__":
    main()
