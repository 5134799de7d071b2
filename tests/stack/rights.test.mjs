// Rights: each function its own role, with what it needs and no more.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Template, reference } from './template.mjs';

const template = new Template('checked');
const functions = [...template.functions.keys()];

test('every function has its own role, and there are no others', () => {
  const roles = functions.map((name) => reference(template.functions.get(name).Role));
  assert.equal(new Set(roles).size, functions.length);
  assert.deepEqual(
    roles.toSorted(),
    template
      .all('AWS::IAM::Role')
      .map(([id]) => id)
      .toSorted(),
  );
});

test('every permission names its resource unless AWS does not support it', () => {
  const nameless = /^(xray:Put|rekognition:Detect|translate:TranslateText)/;
  for (const name of functions) {
    for (const [action, resource] of template.rights(name)) {
      assert.doesNotMatch(action, /\*/, `${name}: ${action}`);
      assert.ok(resource !== '"*"' || nameless.test(action), `${name}: ${action} on ${resource}`);
    }
  }
});

test('no function may scan a table', () => {
  const all = functions.flatMap((name) => template.rights(name).map(([action]) => action));
  assert.ok(all.includes('dynamodb:Query'));
  assert.ok(!all.includes('dynamodb:Scan'));
});

const writes = (name) =>
  template
    .rights(name)
    .filter(([action]) =>
      /:(Put|Update|Delete|Send|Publish)(?!TraceSegments|Telemetry|LogEvents)/.test(action),
    );

test('functions that only read cannot write', () => {
  for (const name of ['search', 'moderation']) assert.deepEqual(writes(name), [], name);
});

test('functions that read history may create a topic and mark it as used, but not delete from it', () => {
  const actions = writes('history').map(([action]) => action);
  assert.deepEqual(actions, ['dynamodb:PutItem', 'dynamodb:UpdateItem']);
});

test('sweep can count waiting analyses, but neither send nor receive them', () => {
  assert.ok(template.may('sweep', 'sqs:GetQueueAttributes', 'AnalysisQueue'));
  for (const action of [
    'sqs:SendMessage',
    'sqs:ReceiveMessage',
    'sqs:DeleteMessage',
    'sqs:PurgeQueue',
  ])
    assert.ok(!template.may('sweep', action, 'AnalysisQueue'), action);
});

// A function may use exactly what it is configured with.
const uses = [
  ['LABELCAST_LIVE_TABLE', 'dynamodb:', 'LiveTable'],
  ['LABELCAST_IMAGES_TABLE', 'dynamodb:', 'ImagesTable'],
  ['LABELCAST_HISTORY_TABLE', 'dynamodb:', 'HistoryTable'],
  ['LABELCAST_PROGRAMS_TABLE', 'dynamodb:', 'ProgramsTable'],
  ['LABELCAST_BUS', 'events:PutEvents', 'Bus'],
  ['LABELCAST_ANALYSIS_QUEUE', 'sqs:SendMessage', 'AnalysisQueue'],
  ['LABELCAST_DELIVERY_QUEUE', 'sqs:SendMessage', 'DeliveryQueue'],
  ['LABELCAST_MANAGEMENT_ENDPOINT', 'execute-api:ManageConnections', 'WebsocketsApi'],
];
for (const [setting, action, id] of uses) {
  test(`exactly the functions configured with ${setting} may use it`, () => {
    // DynamoDB forgets old idempotency keys itself: `sweep` has the table's name and nothing to do there.
    // And it only looks at the queue of analyses.
    const looks = ['LABELCAST_PROGRAMS_TABLE', 'LABELCAST_ANALYSIS_QUEUE'];
    const but = looks.includes(setting) ? ['sweep'] : [];
    const configured = functions.filter(
      (name) => setting in template.functions.get(name).Environment.Variables,
    );
    const allowed = functions.filter((name) => template.may(name, action, id));
    assert.ok(allowed.length > 0);
    assert.deepEqual(
      configured.filter((name) => !but.includes(name)),
      allowed,
    );
  });
}

test('exactly the functions configured with the bucket have access to it', () => {
  const configured = functions.filter(
    (name) => 'LABELCAST_BUCKET' in template.functions.get(name).Environment.Variables,
  );
  const allowed = functions.filter((name) =>
    template.rights(name).some(([action]) => action.startsWith('s3:')),
  );
  assert.ok(allowed.length > 0);
  assert.deepEqual(configured, allowed);
});
