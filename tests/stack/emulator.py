"""The emulator, with two things added that browsers need and it lacks.

The subprotocol that the answer to `$connect` names goes into the handshake, as API Gateway does it: a browser that offered
subprotocols and gets none in the response gives up. And a renewed token says when its owner signed in, as Cognito's do, not when it
was renewed: OpenID Connect asks for that (Core 1.0, section 12.2), and the web app refuses another."""

import contextvars

from ministack import app
from ministack.services import apigateway, cognito

HEADER = "sec-websocket-protocol"
chosen = contextvars.ContextVar("chosen", default=None)
signed_in = {}
invoke, handle, sign = apigateway._invoke_ws_lambda, apigateway.handle_websocket, cognito._signed_jwt


def subprotocol(answer):
    headers = (answer or {}).get("headers") or {}
    return next((value for name, value in headers.items() if name.lower() == HEADER), None)


async def invoke_and_remember(*arguments, **options):
    answer = await invoke(*arguments, **options)
    if "CONNECT" in arguments:
        chosen.set(subprotocol(answer))
    return answer


async def handle_with_subprotocol(scope, receive, send, *arguments, **options):
    async def send_with_subprotocol(message):
        if message["type"] == "websocket.accept" and chosen.get():
            message = message | {"subprotocol": chosen.get()}
        await send(message)

    await handle(scope, receive, send_with_subprotocol, *arguments, **options)


def sign_with_first_time(claims, *arguments):
    if "auth_time" in claims:
        # All tokens of one sign-in share their origin.
        first = signed_in.setdefault(claims["origin_jti"], claims["auth_time"])
        claims = claims | {"auth_time": first}
    return sign(claims, *arguments)


apigateway._invoke_ws_lambda, apigateway.handle_websocket = invoke_and_remember, handle_with_subprotocol
cognito._signed_jwt = sign_with_first_time

if __name__ == "__main__":
    app.main()
