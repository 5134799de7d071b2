// Every setting reaches what infra/config.yml says of it: the stack packaged with other values, tests/stack/settings.yml.
import assert from 'node:assert/strict';
import { basename } from 'node:path';
import test from 'node:test';
import throttles from '../../infra/plugins/throttles.js';
import { Template, read, reference } from './template.mjs';

const template = new Template('set');
const { functions } = template;
const { provider } = JSON.parse(read('target/stack/set/serverless-state.json')).service;

const given = (name) => {
  const entries = [...functions].map(([id, each]) => [id, each.Environment.Variables[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
};
/** Exactly these functions get this variable. */
const configures =
  (setting, value, ...names) =>
  () =>
    assert.deepEqual(given(setting), Object.fromEntries(names.map((name) => [name, value])));
const property = (id) => template.resources[id].Properties;
const every = (type, pick) => [...new Set(template.all(type).map(([, each]) => pick(each)))];
const concurrency = (queue) =>
  template
    .all('AWS::Lambda::EventSourceMapping')
    .find(([, each]) => reference(each.EventSourceArn) === queue)[1].ScalingConfig
    .MaximumConcurrency;
const expiry = (prefix) =>
  property('Bucket').LifecycleConfiguration.Rules.find((rule) => rule.Prefix === prefix)
    .ExpirationInDays;

const withRanges = ['connect', 'deliver', 'disconnect', 'message', 'notify', 'sweep', 'failed'];
const withHistory = ['deliver', 'history', 'message', 'notify', 'sweep', 'failed'];
const tables = ['LiveTable', 'ImagesTable', 'HistoryTable', 'ProgramsTable'];
const liveStage = () => property('WebsocketsDeploymentStage');
/** What is changed of the REST API's stage after the deployment, by path. */
const restStage = () => {
  const state = JSON.parse(read('target/stack/set/serverless-state.json'));
  const changes = throttles.restStage(state.service.custom.config, 'arn:of:the:log', false);
  return Object.fromEntries(changes.map(({ path, value }) => [path, value]));
};
const thresholds = (metric) =>
  template
    .all('AWS::CloudWatch::Alarm')
    .filter(([, alarm]) => alarm.MetricName === metric)
    .map(([, alarm]) => alarm.Threshold);
const behindRest = ['upload', 'search', 'image', 'moderation', 'web', 'publish', 'history'];
const origins = ['https://photos.example.com', 'http://localhost:5173'];

const reaches = {
  region: () => assert.equal(provider.region, 'eu-central-1'),
  stage() {
    assert.equal(provider.stage, 'set');
    assert.deepEqual(
      every('AWS::ApiGateway::Deployment', (each) => each.StageName),
      ['set'],
    );
  },
  architecture: () =>
    assert.deepEqual(
      every('AWS::Lambda::Function', (each) => each.Architectures[0]),
      ['x86_64'],
    ),
  artifact() {
    const packaged = JSON.parse(read('target/stack/set/serverless-state.json'));
    assert.equal(packaged.package.artifact, basename(process.env.LABELCAST_ARTIFACT));
  },
  onlyAdministratorsMakeUsers() {
    assert.equal(property('UserPool').AdminCreateUserConfig.AllowAdminCreateUserOnly, false);
    assert.equal(
      new Template('checked').resources.UserPool.Properties.AdminCreateUserConfig
        .AllowAdminCreateUserOnly,
      true,
    );
  },
  userNamesIgnoreCase() {
    assert.ok(
      !('UsernameConfiguration' in property('UserPool')),
      'it would replace a pool that was made without',
    );
    const { UserPool } = new Template('checked').resources;
    assert.deepEqual(UserPool.Properties.UsernameConfiguration, { CaseSensitive: false });
  },
  userPoolTier: () => assert.equal(property('UserPool').UserPoolTier, 'LITE'),
  tokenMinutes() {
    for (const [id, client] of template.all('AWS::Cognito::UserPoolClient')) {
      assert.deepEqual([client.IdTokenValidity, client.AccessTokenValidity], [20, 20], id);
      assert.equal(client.TokenValidityUnits.IdToken, 'minutes', id);
    }
  },
  signInPrefix() {
    assert.deepEqual(property('UserPoolDomain').Domain, { 'Fn::Sub': 'pictures-set' });
    const url = 'https://pictures-set.auth.${AWS::Region}.amazoncognito.com';
    assert.deepEqual(given('LABELCAST_SIGN_IN_URL'), { web: { 'Fn::Sub': url } });
  },
  allowedOrigins() {
    configures('LABELCAST_ALLOWED_ORIGINS', origins.join(' '), ...behindRest)();
    const { CorsConfiguration } = property('Bucket');
    assert.deepEqual(CorsConfiguration.CorsRules[0].AllowedOrigins.slice(1), origins);
    // Where those pages sign people in, they are led back to.
    const { CallbackURLs, LogoutURLs } = property('UserPoolClient');
    assert.deepEqual(
      CallbackURLs.slice(1),
      origins.map((origin) => `${origin}/`),
    );
    assert.deepEqual(LogoutURLs, CallbackURLs);
    const preflights = template
      .all('AWS::ApiGateway::Method')
      .filter(([, method]) => method.HttpMethod === 'OPTIONS');
    const elsewhere = new Template('checked').all('AWS::ApiGateway::Method');
    assert.ok(elsewhere.every(([, method]) => method.HttpMethod !== 'OPTIONS'));
    // Of all paths but those of the web app itself, which is on the API's own origin.
    const paths = new Set(elsewhere.map(([, method]) => reference(method.ResourceId)));
    assert.equal(preflights.length, paths.size - 2);
    for (const [id, { Integration }] of preflights) {
      const [answer] = Integration.IntegrationResponses;
      const chosen = answer.ResponseTemplates['application/json'];
      // osls writes them as patterns, dots as `[.]`.
      for (const origin of origins) assert.ok(chosen.includes(origin.replaceAll('.', '[.]')), id);
      const headers =
        answer.ResponseParameters['method.response.header.Access-Control-Allow-Headers'];
      assert.match(headers, /Authorization.*X-Api-Key/, id);
    }
  },
  readers: configures(
    'LABELCAST_READERS',
    'device:*=technicians; app:secret*=moderators',
    'message',
    'history',
  ),
  maxUploadBytes: configures('LABELCAST_MAX_UPLOAD_BYTES', '1048576', 'upload', 'ingest', 'web'),
  uploadsPerHour: configures('LABELCAST_UPLOADS_PER_HOUR', '7', 'upload'),
  minConfidence: configures('LABELCAST_MIN_CONFIDENCE', '70', 'analyze'),
  maxLabels: configures('LABELCAST_MAX_LABELS', '9', 'analyze'),
  moderation: configures('LABELCAST_MODERATION', 'Alcohol=ignore; Explicit=alert:70', 'analyze'),
  analysesAtOnce: () => assert.equal(concurrency('AnalysisQueue'), 3),
  maxReceiveCount() {
    configures('LABELCAST_MAX_ATTEMPTS', '5', 'analyze', 'deliver')();
    const queues = template.all('AWS::SQS::Queue').filter(([, queue]) => queue.RedrivePolicy);
    assert.equal(queues.length, 3);
    for (const [id, queue] of queues) assert.equal(queue.RedrivePolicy.maxReceiveCount, 5, id);
  },
  connectionsPerUser: configures('LABELCAST_CONNECTIONS_PER_USER', '11', 'connect'),
  topicsPerConnection: configures('LABELCAST_TOPICS_PER_CONNECTION', '12', 'message'),
  messagesPerSecond: configures('LABELCAST_MESSAGES_PER_SECOND', '13', 'message'),
  replayLimit: configures('LABELCAST_REPLAY_LIMIT', '14', 'message'),
  fanOutRanges: configures('LABELCAST_RANGES', '16', ...withRanges),
  receiversAtOnce: configures('LABELCAST_RECEIVERS_AT_ONCE', '16', 'notify'),
  fanOutRangesBefore: configures('LABELCAST_RANGES_BEFORE', '8', ...withRanges),
  deliveriesAtOnce: () => assert.equal(concurrency('DeliveryQueue'), 15),
  postsPerSecond() {
    configures('LABELCAST_POSTS_PER_SECOND', '1500', 'notify', 'deliver')();
    configures('LABELCAST_DELIVERIES_AT_ONCE', '15', 'notify', 'deliver')();
  },
  watermarkSeconds: configures('LABELCAST_WATERMARK_SECONDS', '2400', ...withHistory),
  restRequestsPerSecond: () => assert.equal(restStage()['/*/*/throttling/rateLimit'], '21'),
  restBurst: () => assert.equal(restStage()['/*/*/throttling/burstLimit'], '22'),
  liveMessagesPerSecond: () =>
    assert.equal(liveStage().DefaultRouteSettings.ThrottlingRateLimit, 23),
  liveBurst: () => assert.equal(liveStage().DefaultRouteSettings.ThrottlingBurstLimit, 24),
  accessLogs() {
    assert.match(liveStage().AccessLogSettings.DestinationArn['Fn::Sub'], /\$\{LiveAccessLog\}$/);
    assert.equal(restStage()['/accessLogSettings/destinationArn'], 'arn:of:the:log');
    assert.equal(property('RestAccessLog').LogGroupName, '/labelcast/set/rest');
    const elsewhere = new Template('checked').resources;
    assert.ok(!('LiveAccessLog' in elsewhere) && !('RestAccessLog' in elsewhere));
    assert.ok(!('AccessLogSettings' in elsewhere.WebsocketsDeploymentStage.Properties));
    assert.ok(
      Object.values(template.resources).every(({ Type }) => Type !== 'AWS::ApiGateway::Account'),
      'the role is the account’s',
    );
  },
  deletionProtection() {
    for (const [stage, on] of [
      ['set', true],
      ['checked', false],
      ['prod', true],
    ]) {
      const { resources } = new Template(stage);
      for (const id of tables)
        assert.equal(resources[id].Properties.DeletionProtectionEnabled, on, `${stage} ${id}`);
      assert.equal(
        resources.UserPool.Properties.DeletionProtection,
        on ? 'ACTIVE' : 'INACTIVE',
        stage,
      );
    }
  },
  pointInTimeRecovery() {
    for (const [stage, on] of [
      ['set', false],
      ['checked', true],
      ['prod', true],
    ])
      for (const id of tables)
        assert.deepEqual(
          new Template(stage).resources[id].Properties.PointInTimeRecoverySpecification,
          { PointInTimeRecoveryEnabled: on },
          `${stage} ${id}`,
        );
  },
  historyHours: configures('LABELCAST_HISTORY_HOURS', '17', 'sweep'),
  historyEntries: configures('LABELCAST_HISTORY_ENTRIES', '18', 'sweep'),
  unusedTopicDays: configures('LABELCAST_UNUSED_TOPIC_DAYS', '19', 'sweep'),
  newDays: () => assert.equal(Number(expiry('new/')), 2),
  rejectedDays: () => assert.equal(Number(expiry('rejected/')), 19),
  logDays: () =>
    assert.deepEqual(
      every('AWS::Logs::LogGroup', (each) => each.RetentionInDays),
      [14],
    ),
  alarmEmail() {
    const { TopicArn, ...subscription } = property('AlarmsByEmail');
    assert.equal(reference(TopicArn), 'Alarms');
    assert.deepEqual(subscription, { Protocol: 'email', Endpoint: 'operators@example.org' });
  },
  alarmWaitingSeconds: () =>
    assert.deepEqual(thresholds('ApproximateAgeOfOldestMessage'), [25, 25, 25]),
  alarmUploadToPushSeconds: () =>
    assert.deepEqual(thresholds('labelcast_upload_to_push_seconds'), [26]),
  logLevel: configures('RUST_LOG', 'warn', ...functions.keys()),
};

const settings = (path) => {
  const lines = read(path).matchAll(/^(\w+): (.*)$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
};

test('every setting is tested with a value other than its default', () => {
  const [usual, set] = ['infra/config.yml', 'tests/stack/settings.yml'].map(settings);
  assert.deepEqual(Object.keys(reaches).toSorted(), Object.keys(usual).toSorted());
  assert.deepEqual(Object.keys(set).toSorted(), Object.keys(usual).toSorted());
  for (const name of Object.keys(usual)) assert.notEqual(set[name], usual[name], name);
});

for (const [name, check] of Object.entries(reaches))
  test(`the setting ${name} takes effect where documented`, check);
