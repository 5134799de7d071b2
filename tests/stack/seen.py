"""The operations that each function was seen to call, held against what its role allows: nothing missing, nothing too much.

Roles are those of the deployed stack, with the names of its resources in them."""

from fnmatch import fnmatchcase


class Deployed:
    """The functions of the stack, and what AWS does in their name."""

    def __init__(self, client):
        self.functions, self.iam, functions = {}, client("iam"), client("lambda")
        for one in functions.list_functions(MaxItems=1000)["Functions"]:
            self.functions[one["Handler"]] = Function(functions, one)

    def rights(self, name):
        """What a role allows, as (action, resource)."""
        role = self.functions[name].role
        for policy in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for statement in document["Statement"]:
                if statement.keys() - {"Sid"} != {"Effect", "Action", "Resource"} or statement["Effect"] != "Allow":
                    raise SystemExit(f"{name}: a statement that this check does not understand: {statement}")
                for action in several(statement["Action"]):
                    for resource in several(statement["Resource"]):
                        yield action, resource


class Function:
    def __init__(self, client, one):
        name = one["FunctionName"]
        self.name = one["Handler"]
        self.role = one["Role"].rsplit("/", 1)[1]
        self.traced = one.get("TracingConfig", {}).get("Mode") == "Active"
        self.logs = f":log-group:/aws/lambda/{name}:"
        sources = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        self.sources = {source["EventSourceArn"] for source in sources}
        try:
            destinations = client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")["DestinationConfig"]
        except client.exceptions.ResourceNotFoundException:
            destinations = {}
        self.on_failure = destinations.get("OnFailure", {}).get("Destination")

    @staticmethod
    def of_emulator(action):
        """AWS has no such right: infra/plugins/emulator.js gives it, because the emulator asks for it."""
        return action == "sqs:SendMessageBatch"

    def for_throttled_posts(self, action, resource):
        """`deliver` puts back who was not served in its time: the emulator takes every post at once. tests/tests/apigateway_posts
        has a stand-in that does not."""
        return self.name == "deliver" and action in ("sqs:SendMessage", "sqs:SendMessageBatch") and resource in self.sources

    def for_uploads_of_removed(self, action, resource):
        """`image` and `index` remove the same image side by side: where `index` is first, `image` finds no upload to detach.
        The contract of the ports, tests/src/contract/removal.rs, has them one after the other."""
        return self.name == "image" and action == "dynamodb:PutItem" and "ImagesTable" in resource

    def for_lambda(self, action, resource):
        """Whether Lambda itself needs the right, in the function's name, for something that the function is deployed with."""
        match action:
            case "xray:PutTraceSegments" | "xray:PutTelemetryRecords":
                return self.traced
            case "logs:CreateLogStream" | "logs:PutLogEvents":
                return self.logs in resource
            case "sqs:ReceiveMessage" | "sqs:DeleteMessage" | "sqs:GetQueueAttributes":
                return resource in self.sources
            case "sns:Publish":
                return resource == self.on_failure
        return False


def several(value):
    return value if isinstance(value, list) else [value]


def compare(deployed, seen):
    """What is wrong, a line each."""
    called = {name: set() for name in deployed.functions}
    for name, call in seen:
        # A browser's preflight is nobody's, and needs nothing.
        if not call.needs:
            continue
        if name not in called:
            yield f"nobody knows whose call it was: {call.request.method} {call.request.target} {call.request.operation}"
            continue
        called[name].update(call.needs)
    for name, function in deployed.functions.items():
        rights = sorted(set(deployed.rights(name)))
        for action, resource in sorted(called[name]):
            if not any(action == right and fnmatchcase(resource, pattern) for right, pattern in rights):
                yield f"{name} called {action} on {resource}, which its role does not allow"
        for action, pattern in rights:
            used = any(action == one and fnmatchcase(resource, pattern) for one, resource in called[name])
            needed = function.of_emulator(action) or function.for_lambda(action, pattern)
            unseen = function.for_throttled_posts(action, pattern) or function.for_uploads_of_removed(action, pattern)
            if not used and not needed and not unseen:
                yield f"{name} may {action} on {pattern}, and was never seen to"


def check(client, seen):
    """Ends the run if anything is wrong."""
    wrong = list(compare(Deployed(client), seen))
    if wrong:
        raise SystemExit("rights and calls differ:\n" + "\n".join(sorted(wrong)))
