"""Makes the clients of `notify` and asks for work, as Lambda's own loop around a handler does."""

import os
import urllib.request

import boto3

CLIENTS = [
    boto3.client("dynamodb"),
    boto3.client("sqs"),
    boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["LABELCAST_MANAGEMENT_ENDPOINT"]),
]
urllib.request.urlopen(f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation/next")
