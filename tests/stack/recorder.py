"""Stands between the functions and the emulator, and keeps what each of them asked for.

A function says who it is: the emulator's stage gives each its name as `AWS_SDK_UA_APP_ID`, which the SDK puts into every
`User-Agent`. What browsers do with links and forms that a function signed has the function's rights, so it counts as the
function's: the access key tells whose it was."""

import http.client
import http.server
import json
import re
import threading

import cbor
from calls import Call, Request

APPLICATION = re.compile(r"\bapp/([\w-]+)")
# Of one connection, not of the message.
HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
MADE = re.compile(r"/@connections/made\w+$")
# What the emulator lacks.
STOOD_IN = ("RekognitionService.", "AWSShineFrontendService_")


class Recorder:
    """Listens at `endpoint` until the process ends."""

    def __init__(self, emulator, units=False):
        """With `units`, DynamoDB is asked what each call costs, and sockets whose ids begin with `made` take all posts."""
        self.emulator, self.stand_in, self.units = emulator, None, units
        self.calls, self.names, self.lock = [], {}, threading.Lock()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"recorder": self}))
        server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def seen(self):
        """All calls up to now, by the function whose rights they had; none for those of the tests themselves."""
        with self.lock:
            return [(self.names.get(call.request.key), call) for call in self.calls if call.request.key != "test"]

    def keep(self, call):
        with self.lock:
            if call.request.name is not None:
                self.names[call.request.key] = call.request.name
            self.calls.append(call)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder = None

    def handle(self):
        try:
            super().handle()
        except ConnectionError:
            # Whoever asked ended first: a function that is put to sleep, a test that is over.
            pass

    def pass_on(self):
        if "Transfer-Encoding" in self.headers:
            return self.send_error(411)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(self.command, self.path, self.headers, body)
        if self.recorder.units:
            body = request.with_units()
        if self.recorder.units and MADE.search(request.path):
            status, headers, answer = 200, [], b""
        elif request.service.startswith("AWSShineFrontendService_") and request.path != "/":
            status, headers, answer = self.translated(request)
        else:
            status, headers, answer = forward(self.upstream(), request, body)
        named = APPLICATION.search(self.headers.get("User-Agent", ""))
        request.name = named and named[1]
        self.recorder.keep(Call(request, status, answer))
        self.send_response_only(status)
        for header, value in headers:
            if header.lower() not in HOP | {"content-length"}:
                self.send_header(header, value)
        length = dict(headers).get("content-length", "0") if self.command == "HEAD" else len(answer)
        if status != 204:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer)

    def translated(self, request):
        """The SDK speaks CBOR to Translate, the stand-in JSON."""
        target = f"{request.service}.{request.operation}"
        body = json.dumps(cbor.texts(request.body)).encode()
        asked = Request("POST", "/", {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}, body)
        status, _, answer = forward(self.recorder.stand_in.removeprefix("http://"), asked, body)
        headers = [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return status, headers, cbor.encoded(json.loads(answer))

    def upstream(self):
        stood_in = self.headers.get("X-Amz-Target", "").startswith(STOOD_IN)
        return (self.recorder.stand_in if stood_in else self.recorder.emulator).removeprefix("http://")

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = pass_on

    def log_message(self, *_):
        pass


def forward(upstream, request, body):
    connection = http.client.HTTPConnection(upstream, timeout=120)
    # As it came, its host too: the signature covers it.
    connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
    for header, value in request.headers.items():
        if header.lower() not in HOP | {"content-length"}:
            connection.putheader(header, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    whole = answer.status, [(name.lower(), value) for name, value in answer.getheaders()], answer.read()
    connection.close()
    return whole
