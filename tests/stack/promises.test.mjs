// Nothing is lost, nothing is open, nothing goes wrong unseen.
import assert from 'node:assert/strict';
import test from 'node:test';
import throttles from '../../infra/plugins/throttles.js';
import { Template, read, reference } from './template.mjs';

const template = new Template('checked');
const queues = new Map(template.all('AWS::SQS::Queue'));
const deadLetters = [...queues.keys()].filter((id) => id.endsWith('DeadLetters'));
const functions = template.functions;

test('a job that keeps failing becomes a dead letter after the attempts that its function counts', () => {
  const mappings = template.all('AWS::Lambda::EventSourceMapping');
  assert.ok(mappings.length >= 3);
  for (const [id, mapping] of mappings) {
    const queue = queues.get(reference(mapping.EventSourceArn));
    assert.ok(deadLetters.includes(reference(queue.RedrivePolicy.deadLetterTargetArn)), id);
    assert.deepEqual(mapping.FunctionResponseTypes, ['ReportBatchItemFailures'], id);
    assert.ok(
      mapping.ScalingConfig.MaximumConcurrency >= 2,
      `${id}: throttling would use up attempts`,
    );
    const called = [...functions.values()].find(
      (each) => each.id === reference(mapping.FunctionName),
    );
    assert.ok(
      queue.VisibilityTimeout >= 6 * called.Timeout,
      `${id}: tried again while it is being worked on`,
    );
  }
  for (const [name, queue] of [
    ['analyze', 'AnalysisQueue'],
    ['deliver', 'DeliveryQueue'],
  ]) {
    const attempts = functions.get(name).Environment.Variables.LABELCAST_MAX_ATTEMPTS;
    assert.equal(attempts, String(queues.get(queue).RedrivePolicy.maxReceiveCount), name);
  }
});

test('every attempt at a notification has ended before cursors pass it', () => {
  const lasting = (queue, name) => {
    const { VisibilityTimeout, RedrivePolicy } = queues.get(queue);
    return (RedrivePolicy.maxReceiveCount - 1) * VisibilityTimeout + functions.get(name).Timeout;
  };
  const [, { MaximumEventAgeInSeconds }] = template
    .all('AWS::Lambda::EventInvokeConfig')
    .find(([, each]) => reference(each.FunctionName) === functions.get('notify').id);
  const given = MaximumEventAgeInSeconds + functions.get('notify').Timeout;
  for (const name of ['notify', 'deliver', 'failed', 'message', 'history', 'sweep']) {
    const watermark = Number(functions.get(name).Environment.Variables.LABELCAST_WATERMARK_SECONDS);
    assert.ok(given + lasting('FailuresQueue', 'failed') < watermark, name);
    assert.ok(lasting('DeliveryQueue', 'deliver') < watermark, name);
  }
});

test('exhausted events of an asynchronous function go to failed and to the dead letters', () => {
  const byRules = template
    .all('AWS::Events::Rule')
    .flatMap(([, rule]) => rule.Targets.map(({ Arn }) => reference(Arn)));
  const asynchronous = [...byRules, functions.get('ingest').id].toSorted();
  const configured = template.all('AWS::Lambda::EventInvokeConfig').map(([, config]) => {
    assert.equal(reference(config.DestinationConfig.OnFailure.Destination), 'GivenUp');
    return reference(config.FunctionName);
  });
  assert.deepEqual(configured.toSorted(), asynchronous);
  for (const [name, { id }] of functions) {
    assert.equal(template.may(name, 'sns:Publish', 'GivenUp'), asynchronous.includes(id), name);
  }
  const receivers = template
    .all('AWS::SNS::Subscription')
    .filter(([, each]) => reference(each.TopicArn) === 'GivenUp');
  assert.ok(
    receivers.every(([, each]) => each.RawMessageDelivery),
    'failed reads the record itself',
  );
  const endpoints = receivers.map(([, each]) => reference(each.Endpoint));
  assert.deepEqual(endpoints.toSorted(), ['FailuresQueue', 'GivenUpDeadLetters']);
});

test('events that the bus cannot deliver are kept', () => {
  const rules = template
    .all('AWS::Events::Rule')
    .filter(([, rule]) => rule.EventPattern !== undefined);
  assert.equal(rules.length, 2);
  const allowed = JSON.stringify(template.resources.BusDeadLettersPolicy);
  for (const [id, rule] of rules) {
    const queue = reference(rule.Targets[0].DeadLetterConfig.Arn);
    assert.ok(deadLetters.includes(queue) && allowed.includes(queue), id);
  }
});

test('dead letters are kept for 14 days, and the first raises an alarm', () => {
  assert.equal(deadLetters.length, 6);
  const alarms = template
    .all('AWS::CloudWatch::Alarm')
    .filter(([, alarm]) => alarm.MetricName === 'ApproximateNumberOfMessagesVisible');
  const watched = alarms.map(([, alarm]) => reference(alarm.Dimensions[0].Value));
  assert.deepEqual(watched.toSorted(), deadLetters.toSorted());
  for (const id of deadLetters)
    assert.equal(queues.get(id).MessageRetentionPeriod, 14 * 24 * 60 * 60);
  assert.ok(
    alarms.every(
      ([, alarm]) => alarm.Threshold === 0 && reference(alarm.AlarmActions[0]) === 'Alarms',
    ),
  );
});

test('every dead-letter queue is a stack output and can be redriven', () => {
  const redriven = [...read('infra/redrive.mjs').matchAll(/^  (\w+DeadLetters): /gm)].map(
    (match) => match[1],
  );
  assert.deepEqual(redriven.toSorted(), deadLetters.toSorted());
  for (const id of [...queues.keys()])
    assert.deepEqual(template.outputs[`${id}Url`]?.Value, { Ref: id }, id);
});

test('an alarm watches the errors of every function except authorize, which refuses by failing', () => {
  const alarms = template
    .all('AWS::CloudWatch::Alarm')
    .filter(([, alarm]) => alarm.MetricName === 'Errors');
  const watched = alarms.map(([, alarm]) => reference(alarm.Dimensions[0].Value));
  const expected = [...functions].filter(([name]) => name !== 'authorize').map(([, { id }]) => id);
  assert.deepEqual(watched.toSorted(), expected.toSorted());
});

test('every function is traced, and its logs expire', () => {
  const groups = template.all('AWS::Logs::LogGroup');
  assert.equal(groups.length, functions.size);
  assert.ok(groups.every(([, group]) => group.RetentionInDays > 0));
  for (const [name, { TracingConfig }] of functions) {
    assert.equal(TracingConfig.Mode, 'Active', name);
    assert.ok(template.may(name, 'xray:PutTraceSegments'), name);
  }
});

test('tables are billed on demand, can be restored, and expire rows with a ttl', () => {
  const tables = template.all('AWS::DynamoDB::Table');
  assert.equal(tables.length, 4);
  for (const [id, table] of tables) {
    assert.equal(table.BillingMode, 'PAY_PER_REQUEST', id);
    assert.ok(table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, id);
    assert.deepEqual(table.TimeToLiveSpecification, { AttributeName: 'ttl', Enabled: true }, id);
    assert.deepEqual(
      table.KeySchema.map((key) => key.AttributeName),
      ['pk', 'sk'],
      id,
    );
  }
});

test('the bucket is private, encrypted, and accessible over TLS only', () => {
  const { Bucket, BucketPolicy, IngestPermission } = template.resources;
  const closed = Object.values(Bucket.Properties.PublicAccessBlockConfiguration);
  assert.deepEqual(closed, [true, true, true, true]);
  assert.ok(Bucket.Properties.BucketEncryption);
  const [statement] = BucketPolicy.Properties.PolicyDocument.Statement;
  assert.deepEqual(
    [statement.Effect, statement.Condition],
    ['Deny', { Bool: { 'aws:SecureTransport': false } }],
  );
  const prefixes = Bucket.Properties.LifecycleConfiguration.Rules.map((rule) => rule.Prefix);
  assert.deepEqual(prefixes.slice(0, 2), ['new/', 'rejected/']);
  assert.equal(reference(IngestPermission.Properties.FunctionName), functions.get('ingest').id);
});

test('API Gateway errors have our format and CORS headers from the first deployment on', () => {
  const responses = template.all('AWS::ApiGateway::GatewayResponse');
  assert.ok(responses.length > 0);
  const [deployment] = Object.values(template.resources).filter(
    ({ Type }) => Type === 'AWS::ApiGateway::Deployment',
  );
  for (const [id, response] of responses) {
    const text = response.ResponseTemplates['application/json'].replace(
      '$context.error.messageString',
      '"words"',
    );
    const { error } = JSON.parse(text);
    assert.deepEqual(Object.keys(error), ['code', 'message'], id);
    assert.ok(
      response.ResponseParameters['gatewayresponse.header.Access-Control-Allow-Origin'],
      id,
    );
    assert.ok(deployment.DependsOn.includes(id), id);
  }
});

test('users may use names in any case, strong passwords and a second factor', () => {
  const { Policies, MfaConfiguration, EnabledMfas, UserPoolTier, UsernameConfiguration } =
    template.resources.UserPool.Properties;
  assert.deepEqual(UsernameConfiguration, { CaseSensitive: false });
  assert.ok(Policies.PasswordPolicy.MinimumLength >= 12);
  assert.ok(Policies.PasswordPolicy.TemporaryPasswordValidityDays <= 7);
  assert.deepEqual([MfaConfiguration, EnabledMfas], ['OPTIONAL', ['SOFTWARE_TOKEN_MFA']]);
  assert.equal(UserPoolTier, 'ESSENTIALS');
});

test('the command line signs in with its own client, on loopback only', () => {
  const { CliClient, UserPoolClient } = template.resources;
  const source = read('infra/web/src/settings.rs');
  const [, uris] = /CLI_REDIRECT_URIS: \[&str; \d+\] =\s*\[([^\]]*)\]/.exec(source);
  const listensAt = JSON.parse(`[${uris.trim().replace(/,$/, '')}]`);
  assert.deepEqual(CliClient.Properties.CallbackURLs, listensAt);
  for (const { Properties } of [CliClient, UserPoolClient]) {
    assert.equal(Properties.GenerateSecret, false);
    assert.deepEqual(Properties.AllowedOAuthFlows, ['code']);
    assert.deepEqual([Properties.IdTokenValidity, Properties.AccessTokenValidity], [15, 15]);
    assert.ok(Properties.EnableTokenRevocation);
  }
  for (const [name, { Environment }] of functions) {
    const { LABELCAST_CLIENT_ID, LABELCAST_CLI_CLIENT_ID } = Environment.Variables;
    assert.equal(reference(LABELCAST_CLI_CLIENT_ID), LABELCAST_CLIENT_ID && 'CliClient', name);
  }
});

test('failed events are encrypted at rest, in the topic and in the queues', () => {
  assert.equal(template.resources.GivenUp.Properties.KmsMasterKeyId, 'alias/aws/sns');
  for (const [id, queue] of queues) assert.ok(queue.SqsManagedSseEnabled, id);
});

test('an event that Lambda cannot deliver goes to `failed` within minutes, not hours', () => {
  for (const [id, config] of template.all('AWS::Lambda::EventInvokeConfig'))
    assert.ok(config.MaximumEventAgeInSeconds >= 60 && config.MaximumEventAgeInSeconds <= 900, id);
});

test('both APIs are throttled to their settings', () => {
  const { DefaultRouteSettings } = template.resources.WebsocketsDeploymentStage.Properties;
  assert.deepEqual(DefaultRouteSettings, { ThrottlingRateLimit: 2000, ThrottlingBurstLimit: 4000 });
  // The stage of the REST API is no resource of the stack (docs/decisions/0009-rest-stage.md): the deployment sets it.
  const { config } = JSON.parse(read('target/stack/checked/serverless-state.json')).service.custom;
  assert.deepEqual(throttles.restStage(config, 'arn', false), [
    { op: 'replace', path: '/*/*/throttling/rateLimit', value: '1000' },
    { op: 'replace', path: '/*/*/throttling/burstLimit', value: '2000' },
  ]);
});

test('the web app has no client secret, and only administrators create users unless set otherwise', () => {
  const { UserPoolClient, UserPool } = template.resources;
  assert.equal(UserPoolClient.Properties.GenerateSecret, false);
  assert.deepEqual(UserPoolClient.Properties.AllowedOAuthFlows, ['code']);
  assert.equal(UserPool.Properties.AdminCreateUserConfig.AllowAdminCreateUserOnly, true);
});
