"""The emulator, with the one thing added that browsers need and it lacks: the subprotocol that the answer to `$connect`
names goes into the handshake, as API Gateway does it. A browser that offered subprotocols and is answered none gives up."""

import contextvars

from ministack import app
from ministack.services import apigateway

HEADER = "sec-websocket-protocol"
chosen = contextvars.ContextVar("chosen", default=None)
invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket


def subprotocol(answer):
    headers = (answer or {}).get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == HEADER), None)


async def invoke_and_remember(*arguments, **options):
    answer = await invoke(*arguments, **options)
    if "CONNECT" in arguments:
        chosen.set(subprotocol(answer))
    return answer


async def handle_and_tell(scope, receive, send, *arguments, **options):
    async def telling(message):
        if message["type"] == "websocket.accept" and chosen.get():
            message = message | {"subprotocol": chosen.get()}
        await send(message)

    await handle(scope, receive, telling, *arguments, **options)


apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoke_and_remember, handle_and_tell

if __name__ == "__main__":
    app.main()
