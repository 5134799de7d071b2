"""What a call of AWS needs: which action on which resource, as roles name them (service authorization reference)."""

import email
import email.policy
import json
import re
from urllib.parse import parse_qs, unquote, urlsplit

ACCOUNT, REGION = "000000000000", "us-east-1"
CREDENTIAL = re.compile(r"Credential=([^/]+)/")
CONNECTION = re.compile(r"/_aws/execute-api/([^/]+)/([^/]+)(/@connections/.+)")
CBOR = re.compile(r"/service/(\w+)/operation/(\w+)")
PARTS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


class Request:
    """A request as it came."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urlsplit(target)
        self.path, self.query = unquote(parts.path), parse_qs(parts.query)
        self.service, _, self.operation = headers.get("X-Amz-Target", "").partition(".")
        called = CBOR.fullmatch(self.path)
        if called:
            self.service, self.operation = called.groups()
        self.form = self.fields()
        self.key = self.access_key()

    def fields(self):
        """Of a form that a browser posts."""
        kind = self.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return {}
        message = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + self.body, policy=email.policy.HTTP)
        parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
        return {name.lower(): part.get_content().strip() for name, part in parts.items() if name != "file"}

    def access_key(self):
        """Whose signature it bears; none without one."""
        signed = CREDENTIAL.search(self.headers.get("Authorization", ""))
        if signed:
            return signed[1]
        credential = self.query.get("X-Amz-Credential", [self.form.get("x-amz-credential")])[0]
        return credential and credential.split("/")[0]

    def json(self):
        return json.loads(self.body or b"{}")

    def with_units(self):
        """Its body, asking DynamoDB for what it cost."""
        if not self.service.startswith("DynamoDB"):
            return self.body
        return json.dumps(self.json() | {"ReturnConsumedCapacity": "TOTAL"}).encode()


class Call:
    """A request, and what came of it."""

    def __init__(self, request, status, answer):
        self.request, self.status = request, status
        self.needs = sorted(set(needs(request, status)))
        self.units = units(request, answer) if status == 200 else 0
        # Enough is known of it; bodies are large.
        request.body = b""


def arn(service, resource, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def needs(request, status):
    """Rights that the request needs, as [action, resource]; an unknown request needs one that nobody has."""
    body = request.json() if request.service and request.path == "/" else {}
    match request.service, request.operation:
        case "DynamoDB_20120810", "TransactWriteItems":
            parts = [part for item in body["TransactItems"] for part in item.items()]
            return [(f"dynamodb:{PARTS[kind]}", table(part["TableName"])) for kind, part in parts]
        case "DynamoDB_20120810", "BatchGetItem":
            return [("dynamodb:BatchGetItem", table(name)) for name in body["RequestItems"]]
        case "DynamoDB_20120810", operation:
            return [(f"dynamodb:{operation}", table(body["TableName"]))]
        case "AmazonSQS", operation:
            action = operation.removesuffix("Batch")
            return [(f"sqs:{action}", arn("sqs", body["QueueUrl"].rsplit("/", 1)[1]))]
        case "AWSEvents", "PutEvents":
            buses = [entry["EventBusName"] for entry in body["Entries"]]
            return [("events:PutEvents", arn("events", f"event-bus/{bus}")) for bus in buses]
        case "RekognitionService", operation:
            # It reads the picture with the rights of whom it answers.
            read = body["Image"].get("S3Object")
            return [(f"rekognition:{operation}", "*")] + ([("s3:GetObject", s3(f"{read['Bucket']}/{read['Name']}"))] if read else [])
        case "AWSShineFrontendService_20170701", operation:
            return [(f"translate:{operation}", "*")]
        case "", "":
            socket = CONNECTION.fullmatch(request.path)
            if socket:
                api, stage, rest = socket.groups()
                return [("execute-api:ManageConnections", arn("execute-api", f"{api}/{stage}/{request.method}{rest}"))]
            return of_objects(request, status)
    return [(f"{request.service}:{request.operation}", "*")]


def of_objects(request, status):
    place = request.path.removeprefix("/")
    bucket, _, key = place.partition("/")
    source = request.headers.get("x-amz-copy-source")
    # To whoever may not list the bucket, a missing object looks like a forbidden one.
    missing = [("s3:ListBucket", s3(bucket))] if status == 404 else []
    match request.method:
        case "OPTIONS":
            return []
        # It lists what is there; so S3 names the right.
        case "GET" if not key:
            return [("s3:ListBucket", s3(bucket))]
        case "GET" | "HEAD" if key:
            return [("s3:GetObject", s3(place))] + missing
        case "PUT" if key and source:
            return [("s3:GetObject", s3(unquote(source).removeprefix("/"))), ("s3:PutObject", s3(place))] + missing
        case "PUT" if key:
            return [("s3:PutObject", s3(place))]
        case "DELETE" if key:
            return [("s3:DeleteObject", s3(place))]
        case "POST" if request.form:
            return [("s3:PutObject", s3(f"{bucket}/{request.form['key']}"))]
    return [(f"s3:{request.method}", s3(place))]


def table(name):
    return arn("dynamodb", f"table/{name}")


def s3(place):
    return arn("s3", place, "", "")


def units(request, answer):
    """What it consumed of DynamoDB (developer guide, read and write capacity). What is written is asked of the emulator, which
    knows how large a row was before; what is read is counted from the answer, because there it counts each page as one."""
    if not request.service.startswith("DynamoDB"):
        return 0
    body, answer = request.json(), json.loads(answer)
    match request.operation:
        case "GetItem":
            return read(body, [answer.get("Item", {})])
        case "Query":
            # A page is read as a whole; one that only counts answers no rows, which are small then.
            return read(body, [{"page": {"L": [{"M": row} for row in answer.get("Items", [])]}}])
        case "BatchGetItem":
            units = 0
            for name, asked in body["RequestItems"].items():
                found = answer["Responses"].get(name, [])
                units += read(asked, found + [{}] * (len(asked["Keys"]) - len(found)))
            return units
    consumed = answer.get("ConsumedCapacity", [])
    units = sum(one["CapacityUnits"] for one in (consumed if isinstance(consumed, list) else [consumed]))
    # It leaves out rows that a transaction only looks at.
    return units + sum(2 for item in body.get("TransactItems", []) if "ConditionCheck" in item)


def read(asked, rows):
    """Units of 4 KB, each row rounded up; half of it where the read is not strong."""
    return sum(max(1, -(-size({"M": row}) // 4096)) for row in rows) * (1 if asked.get("ConsistentRead") else 0.5)


def size(value):
    """Bytes of a value (developer guide, item sizes)."""
    [(kind, held)] = value.items()
    match kind:
        case "S" | "B":
            return len(held.encode())
        case "N":
            return 2 + len(held.strip("-").replace(".", "")) // 2
        case "M":
            return 3 + sum(len(name.encode()) + 1 + size(one) for name, one in held.items())
        case "L":
            return 3 + sum(1 + size(one) for one in held)
        case "SS" | "NS":
            return 3 + sum(len(one.encode()) for one in held)
    return 1
