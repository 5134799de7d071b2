"""Deploys the packaged stack to an emulator of AWS and has it driven from end to end: `tests/tests/deployed`, and by a
browser, `tests/web/deployed.test.mjs`.

What is deployed is the real bootstrap, packaged as for AWS. Rekognition and Translate, which the emulator lacks, get a
stand-in. Anything that goes wrong ends the run; the emulator, and with it everything, goes at the end."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import boto3

import seen
from recorder import Recorder

STAGE = "emulator"
REGION = "us-east-1"
WORK = pathlib.Path("target/stack/deployed")
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
PASSWORD = "Correct-Horse-7-Battery"
USERS = {"viewer@example.org": [], "other@example.org": [], "moderator@example.org": ["moderators"]}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def started(arguments, **options):
    # A group of its own: the emulator's functions end with it.
    return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True, **options)


def emulator(port, directory, functions_endpoint, auth="true"):
    environment = os.environ | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "localhost",
        "LAMBDA_EXECUTOR": "local",
        # Without it, functions would call the real AWS.
        "AWS_ENDPOINT_URL": functions_endpoint,
        "IOT_MTLS_ENABLED": "0",
        "AUTH": auth,
        "TMPDIR": directory,
    }
    log = open(WORK / "emulator.log", "w", encoding="utf-8")
    process = started([sys.executable, "tests/stack/emulator.py"], env=environment, stdout=log, stderr=log)
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=1)
            return process
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"the emulator did not start; see {WORK}/emulator.log")


def osls(command, environment):
    begin = time.monotonic()
    log = WORK / "deploy.log"
    with open(log, "a", encoding="utf-8") as file:
        arguments = ["npx", "osls", command, "--stage", STAGE, "--region", REGION]
        done = subprocess.run(arguments, env=environment, stdout=file, stderr=file)
    if done.returncode != 0:
        raise SystemExit(f"`{' '.join(arguments)}` failed:\n{log.read_text()[-4000:]}")
    print(f"{command}: {time.monotonic() - begin:.0f} s", flush=True)


def nothing_left(client):
    tables = client("dynamodb").list_tables()["TableNames"]
    buckets = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    functions = client("lambda").list_functions()["Functions"]
    pools = client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    left = tables + buckets + [function["FunctionName"] for function in functions] + [pool["Name"] for pool in pools]
    if left:
        raise SystemExit(f"removing the stack left behind: {left}")


def settings():
    """The usual ones but for two, which `tests/tests/deployed/settings.rs` tries."""
    text = pathlib.Path("infra/config.yml").read_text(encoding="utf-8")
    for usual, set_ in {
        "allowedOrigins: []": "allowedOrigins: [https://photos.example.com, https://second.example.org]",
        "readers: ''": "readers: 'app:secret*=moderators'",
    }.items():
        if usual not in text:
            raise SystemExit(f"infra/config.yml has no line `{usual}`")
        text = text.replace(usual, set_)
    path = WORK / "config.yml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def outputs(client):
    stack = client("cloudformation").describe_stacks(StackName=f"labelcast-{STAGE}")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def sign_up(client, stack):
    """Makes users as an operator does, and answers their ID tokens."""
    pool, application = stack["UserPoolId"], stack["ClientId"]
    cognito, tokens = client("cognito-idp"), {}
    for user, groups in USERS.items():
        cognito.admin_create_user(UserPoolId=pool, Username=user, MessageAction="SUPPRESS")
        cognito.admin_set_user_password(UserPoolId=pool, Username=user, Password=PASSWORD, Permanent=True)
        for group in groups:
            cognito.admin_add_user_to_group(UserPoolId=pool, Username=user, GroupName=group)
        signed_in = cognito.admin_initiate_auth(
            UserPoolId=pool,
            ClientId=application,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": PASSWORD},
        )
        tokens[user.split("@", maxsplit=1)[0]] = signed_in["AuthenticationResult"]["IdToken"]
    return tokens


def moderator_by_one_command(client, stack, environment):
    """As `make moderator` does it, twice: who is a user already becomes a moderator too."""
    for email, next_step in [("ada@example.org", "first password"), ("ada@example.org", "next sign-in")]:
        command = ["node", "infra/moderator.mjs", STAGE, email]
        said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
        groups = client("cognito-idp").admin_list_groups_for_user(UserPoolId=stack["UserPoolId"], Username=email)["Groups"]
        if next_step not in said or [group["GroupName"] for group in groups] != ["moderators"]:
            raise SystemExit(f"{email} is no moderator: {said} {groups}")


def drive(environment):
    environment = {"RUST_BACKTRACE": "0"} | environment
    arguments = ["cargo", "test", "--quiet", "--workspace", "--features", "labelcast-tests/deployed", "--test", "deployed"]
    if subprocess.run(arguments + sys.argv[1:], env=environment).returncode != 0:
        raise SystemExit("the deployed stack does not do what is promised")


def browse(environment):
    """The web app, in a real browser; what it looked like stays in target/stack/deployed."""
    if subprocess.run(["tests/web/run", "deployed.test.mjs"], env=environment).returncode != 0:
        raise SystemExit("the web app of the deployed stack does not do what is promised")


def stop(processes):
    """Ends processes with their children, the last one first."""
    for process in reversed(processes):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "deploy.log").unlink(missing_ok=True)
    artifact = WORK / "bootstrap.zip"
    subprocess.run([sys.executable, "tests/stack/zipped.py", BUILT / "lambda/bootstrap", artifact], check=True)
    port, processes = free_port(), []
    endpoint = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as directory:
        try:
            recorder = Recorder(endpoint)
            processes.append(emulator(port, directory, recorder.endpoint))
            stand_in = started([BUILT / "debug/stand_in", endpoint], stdout=subprocess.PIPE, text=True)
            processes.append(stand_in)
            recorder.stand_in = stand_in.stdout.readline().strip()
            environment = os.environ | {
                "AWS_ENDPOINT_URL": endpoint,
                # What functions and those for whom they sign ask for, so that it is seen.
                "LABELCAST_RECORDER": recorder.endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": REGION,
                "LABELCAST_ARTIFACT": str(artifact),
                "LABELCAST_CONFIG": settings(),
                # Nobody is there to type the stage's name.
                "LABELCAST_REMOVE": STAGE,
            }
            client = lambda service: boto3.client(
                service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
            )
            osls("deploy", environment)
            stack = outputs(client)
            described = WORK / "stack.json"
            facts = {
                "Endpoint": endpoint,
                # As infra/endpoint.js has it.
                "ObjectsOrigin": recorder.endpoint.replace("127.0.0.1", "localhost"),
                "Password": PASSWORD,
                "Tokens": sign_up(client, stack),
            }
            described.write_text(json.dumps(stack | facts))
            moderator_by_one_command(client, stack, environment)
            environment["LABELCAST_STACK"] = str(described.resolve())
            drive(environment)
            browse(environment)
            # A running stack takes another deployment, and goes on.
            osls("deploy", environment)
            drive(environment)
            seen.check(client, recorder.seen())
            osls("remove", environment)
            nothing_left(client)
        finally:
            stop(processes)


if __name__ == "__main__":
    main()
