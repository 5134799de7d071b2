"""Posts to connections with the SDK for Python: `posts.py ENDPOINT COUNT`. One after the other: threads cost it more."""

import json
import sys

import boto3

client = boto3.client("apigatewaymanagementapi", endpoint_url=sys.argv[1])
DATA = json.dumps({"type": "next", "text": "x" * 1000})
for number in range(int(sys.argv[2])):
    client.post_to_connection(ConnectionId=f"id{number}", Data=DATA)
