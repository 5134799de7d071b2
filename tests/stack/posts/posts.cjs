'use strict';

// Posts to connections with the SDK for Node: `posts.cjs ENDPOINT COUNT`.
const { ApiGatewayManagementApiClient, PostToConnectionCommand } = require('@aws-sdk/client-apigatewaymanagementapi');

const AT_ONCE = 50; // as many as its client keeps open
const [endpoint, count] = [process.argv[2], Number(process.argv[3])];
const client = new ApiGatewayManagementApiClient({ endpoint });
const Data = JSON.stringify({ type: 'next', text: 'x'.repeat(1000) });

async function worker(first) {
  for (let number = first; number < count; number += AT_ONCE) {
    await client.send(new PostToConnectionCommand({ ConnectionId: `id${number}`, Data }));
  }
}

Promise.all(Array.from({ length: AT_ONCE }, (_, first) => worker(first)));
