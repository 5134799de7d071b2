"""One table of all functions: what one invocation of each reads and writes, for what it is usually asked.

Each step is taken by a stack at rest, and ends when it rests again; the log says how often each function was invoked."""

import json
import random

OTHER_CALLS = ["s3", "events", "sqs", "execute-api", "rekognition", "translate"]


class Table:
    """The steps that were measured, a row for each function that a step names."""

    def __init__(self, stack):
        self.stack, self.rows = stack, []

    def step(self, act, **asked):
        """Acts, and keeps what each function that is named in `asked` did then, under what it says there."""
        for _ in range(3):
            self.stack.mark()
            answer = act()
            self.stack.wait_until_quiet()
            spent = self.stack.spent(sweep="sweep" in asked)
            # The schedule's own sweep may come between.
            if "sweep" not in asked or spent["sweep"]["invocations"] == 1:
                break
        else:
            raise SystemExit("the schedule's sweep came between each time")
        for name, what in asked.items():
            if not spent[name]["invocations"]:
                raise SystemExit(f"{name} was not invoked: {what}")
            self.rows.append((name, what, spent[name]))
        return answer

    def show(self):
        names = ["invocations", "reads", "writes", *OTHER_CALLS]
        print("\n## A function's reads and writes: one invocation\n")
        print("| function | asked | " + " | ".join(names) + " |\n|" + " --- |" * (len(names) + 2))
        for name, what, row in sorted(self.rows, key=lambda row: row[0]):
            print(f"| {name} | {what} | " + " | ".join(f"{row[column]:g}" for column in names) + " |", flush=True)
        missing = self.stack.functions() - {name for name, *_ in self.rows}
        if missing:
            raise SystemExit(f"functions that no step asks anything: {sorted(missing)}")


def measure(stack, key, upload):
    table = Table(stack)
    ask = lambda method, path, body=None, **headers: lambda: stack.rest(method, path, body, **headers)
    frame = lambda kind, name, body=None: lambda: stack.frame(kind, name, body)
    name, topic = f"made{random.randrange(10**11):011}v", f"app:t{random.randrange(10**9)}"
    stack.wait_until_quiet()
    live(stack, table, frame, name, topic)
    published = ask("POST", f"/topics/{topic}", {"event": "build.done", "data": {}}, **{"x-api-key": key})
    table.step(published, publish="a notification", notify="a notification, one receiver")
    table.step(ask("GET", f"/history/{topic}"), history="one notification")
    table.step(frame("disconnect", name), disconnect="one topic")
    images(stack, table, ask, key, upload)
    table.step(ask("GET", "/openapi.json"), web="`GET /openapi.json`")
    ended(stack, table)
    table.show()


def live(stack, table, frame, name, topic):
    asked = stack.sample("authorizer")
    asked["headers"]["Sec-WebSocket-Protocol"] = f"labelcast.v1, bearer.{stack.tokens['viewer']}"
    answer = table.step(lambda: stack.invoke("authorize", asked), authorize="a token")
    if "Allow" not in json.dumps(answer):
        raise SystemExit(f"authorize: {answer}")
    table.step(frame("connect", name), connect="a socket")
    for what, body in [
        ("`ping`", {"action": "ping"}),
        ("`subscribe`, one topic", {"action": "subscribe", "topics": [topic]}),
        ("`set_notify_list`, one topic more", {"action": "set_notify_list", "topics": [topic, "uploads"]}),
    ]:
        table.step(frame("message", name, body), message=what)
    table.step(frame("message", name, {"action": "unsubscribe", "topics": ["uploads"]}), message="`unsubscribe`, one of two topics")


def images(stack, table, ask, key, upload):
    table.step(ask("POST", "/uploads", {"name": "farm.png", "content_type": "image/png", "size": 1000}), upload="`POST /uploads`")
    state = table.step(lambda: upload(stack), ingest="a picture", analyze="a picture", index="ten labels")
    table.step(ask("GET", f"/uploads/{state['upload_id']}"), upload="`GET /uploads/{upload_id}`")
    picture = f"/images/{state['image_id']}"
    table.step(ask("GET", "/images?q=barn"), search="one label, three images")
    table.step(ask("GET", "/images?q=barn%20cow"), search="two labels, three images")
    table.step(ask("GET", "/images?q=schuur&language=nl"), search="a word of another language, nothing found")
    table.step(ask("GET", "/search?label=barn", **{"x-api-key": key}), search="`GET /search`, one label, three images")
    table.step(ask("GET", "/labels?prefix=f"), search="`GET /labels`, two labels")
    table.step(ask("GET", picture), image="`GET`")
    exhausted = {"requestPayload": {"image_id": state["image_id"], "content_type": "image/png"}}
    table.step(lambda: stack.send("FailuresQueueUrl", exhausted), failed="a picture whose one uploader was notified")
    upload(stack, ["Violence"])
    moderator = {"Authorization": f"Bearer {stack.tokens['moderator']}"}
    table.step(ask("GET", "/moderation", **moderator), moderation="one image")
    table.step(ask("DELETE", picture), image="`DELETE`, ten labels", index="the removal of ten labels")
    removed = {"image_id": state["image_id"], "uploaded_at": "2026-11-20T18:43:48Z", "uploaders": [], "was_public": True}
    event = stack.sample("bus") | {"source": "labelcast", "detail-type": "image.removed", "detail": removed}
    again = lambda: stack.send("FailuresQueueUrl", {"requestPayload": event})
    table.step(again, failed="an exhausted notification", deliver="four shards, one receiver")


def ended(stack, table):
    quiet = stack.sample("scheduled")
    stack.invoke("sweep", quiet)
    table.step(lambda: stack.invoke("sweep", quiet), sweep="nothing to do")
