'use strict';

// Makes the clients of `notify` and asks for work, as Lambda's own loop around a handler does.
const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { SQSClient } = require('@aws-sdk/client-sqs');
const { ApiGatewayManagementApiClient } = require('@aws-sdk/client-apigatewaymanagementapi');
const http = require('node:http');

const { AWS_LAMBDA_RUNTIME_API, LABELCAST_MANAGEMENT_ENDPOINT } = process.env;
module.exports = [
  new DynamoDBClient({}),
  new SQSClient({}),
  new ApiGatewayManagementApiClient({ endpoint: LABELCAST_MANAGEMENT_ENDPOINT }),
];
http.get(`http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation/next`);
