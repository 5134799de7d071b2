// Functions: their routes, triggers and configuration.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { Template, read, reference } from './template.mjs';

const template = new Template('checked');
const functions = [...template.functions.keys()];

test('the stack and the bootstrap have the same functions', () => {
  const known = read('target/stack/functions.txt').trim().split('\n');
  assert.deepEqual(functions.toSorted(), known.toSorted());
});

test('the routes of the REST API are exactly the calls of its contract', () => {
  const sources = sourcesBelow('functions/src').map(read).join('\n');
  const called = [...sources.matchAll(/utoipa::path\((\w+),[^\]]*? path = "([^"]+)"/g)];
  const contract = called.map(([, method, path]) => `${method.toUpperCase()} ${path}`);
  assert.ok(contract.length > 10, `only ${contract.length} calls were found in the sources`);
  const others = ['GET /web', 'GET /web/{proxy+}', 'GET /openapi.json', 'GET /asyncapi.json'];
  assert.deepEqual(routes().toSorted(), [...contract, ...others].toSorted());
});

test('API Gateway requires a sign-in except where programs use a key or nothing is secret', () => {
  const open = template
    .all('AWS::ApiGateway::Method')
    .filter(([, method]) => method.AuthorizationType !== 'COGNITO_USER_POOLS')
    .map(([, method]) => `${method.HttpMethod} ${path(method.ResourceId)}`);
  const meant = [
    'GET /asyncapi.json',
    'GET /openapi.json',
    'GET /search',
    'GET /web',
    'GET /web/{proxy+}',
    'POST /topics/{topic}',
  ];
  assert.deepEqual(open.toSorted(), meant);
});

test('the bus forwards exactly the events that index and notify handle', () => {
  const source = read('functions/src/model/event.rs');
  for (const name of ['index', 'notify']) {
    const list = source.match(new RegExp(`FOR_${name.toUpperCase()}: [^=]*= &\\[([^\\]]*)\\]`))[1];
    const listened = [...list.matchAll(/"([^"]+)"/g)].map((match) => match[1]);
    assert.ok(listened.length > 0);
    const rule = template
      .all('AWS::Events::Rule')
      .find(([, each]) => targets(each).includes(template.functions.get(name).id))[1];
    assert.deepEqual(rule.EventPattern, { source: ['labelcast'], 'detail-type': listened });
  }
});

test('every WebSocket route except $connect and $disconnect returns the response of its function', () => {
  const answered = template
    .all('AWS::ApiGatewayV2::RouteResponse')
    .map(([, response]) => reference(response.RouteId));
  const routed = template
    .all('AWS::ApiGatewayV2::Route')
    .filter(([, route]) => !/^\$(dis)?connect$/.test(route.RouteKey));
  const keys = routed.map(([, route]) => route.RouteKey);
  assert.deepEqual(keys.toSorted(), [
    '$default',
    'ping',
    'refresh',
    'set_notify_list',
    'subscribe',
    'unsubscribe',
  ]);
  assert.deepEqual(answered.toSorted(), routed.map(([id]) => id).toSorted());
});

test('the authorizer runs for every connection, whichever header carries the token', () => {
  const [[id, authorizer]] = template.all('AWS::ApiGatewayV2::Authorizer');
  assert.deepEqual(authorizer.IdentitySource, []);
  const [, connect] = template
    .all('AWS::ApiGatewayV2::Route')
    .find(([, route]) => route.RouteKey === '$connect');
  assert.equal(reference(connect.AuthorizerId), id);
});

test('for the emulator only unsupported resources are removed, and the functions get its endpoint', () => {
  const emulated = new Template('emulator');
  const lacking = Object.keys(template.resources).filter((id) => isLackedByEmulator(id));
  assert.ok(lacking.length > 0);
  assert.equal(
    Object.keys(emulated.resources).length,
    Object.keys(template.resources).length - lacking.length,
  );
  const text = JSON.stringify(emulated.resources);
  assert.deepEqual(
    lacking.filter((id) => text.includes(`"${id}"`)),
    [],
    'something still refers to what was taken out',
  );
  for (const { Environment } of emulated.functions.values()) {
    assert.equal(Environment.Variables.AWS_ENDPOINT_URL, 'http://127.0.0.1:4566');
  }
  assert.ok(
    !/127\.0\.0\.1|AWS_ENDPOINT_URL/.test(JSON.stringify(template.resources)),
    'on AWS nothing knows of it',
  );
});

/** Two kinds of resources that it does not know, and a policy that asks for TLS, which it does not speak. */
function isLackedByEmulator(id) {
  const { Type } = template.resources[id];
  return id === 'BucketPolicy' || /ApiGatewayV2::(Deployment|RouteResponse)$/.test(Type);
}

function routes() {
  return template
    .all('AWS::ApiGateway::Method')
    .map(([, method]) => `${method.HttpMethod} ${path(method.ResourceId)}`);
}

function path(resource) {
  const id = reference(resource);
  const part = template.resources[id]?.Properties;
  return part?.PathPart === undefined ? '' : `${path(part.ParentId)}/${part.PathPart}`;
}

function targets(rule) {
  return rule.Targets.map((target) => reference(target.Arn));
}

function sourcesBelow(folder) {
  return readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true })
    .filter((file) => file.endsWith('.rs'))
    .map((file) => `${folder}/${file}`);
}
