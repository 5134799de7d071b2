// What is said before anything is created, changed or deleted.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import bounds from '../../infra/plugins/bounds.js';
import Emptied from '../../infra/plugins/emptied.js';
import preflight from '../../infra/plugins/preflight.js';
import REGIONS from '../../infra/regions.js';
import { Template, read } from './template.mjs';

const { config } = JSON.parse(read('target/stack/checked/serverless-state.json')).service.custom;
const good = {
  config,
  region: 'eu-west-1',
  concurrency: 1000,
  loggingRole: undefined,
  pool: undefined,
};
const faults = (changes) => preflight.faults({ ...good, ...changes }).join('\n');

test('an ordinary account and region pass', () => assert.equal(faults({}), ''));

test('too little account concurrency for the queues is refused, naming the quota and the settings', () => {
  const message = faults({ concurrency: 10 });
  for (const part of [
    '10 functions',
    'Concurrent executions',
    'analysesAtOnce 10',
    'deliveriesAtOnce 100',
  ])
    assert.ok(message.includes(part), message);
  const small = { ...config, analysesAtOnce: 2, deliveriesAtOnce: 2 };
  assert.equal(
    faults({ config: small, concurrency: 10 }),
    '',
    'the smallest settings do on a new account',
  );
});

test('the concurrency check counts every event source mapping of the template', () => {
  const mapped = new Template('checked')
    .all('AWS::Lambda::EventSourceMapping')
    .reduce((sum, [, mapping]) => sum + mapping.ScalingConfig.MaximumConcurrency, 0);
  assert.ok(faults({ concurrency: mapped }).includes(`may start ${mapped} of them`));
});

test('a region without Rekognition or Translate is refused, naming regions that have both', () => {
  for (const [region, service] of [
    ['eu-north-1', 'Rekognition'],
    ['sa-east-1', 'Translate'],
    ['af-south-1', 'Translate'],
  ]) {
    const message = faults({ region });
    assert.ok(message.includes(`${service}, which`) && message.includes('eu-west-1'), message);
  }
  assert.ok(Object.values(REGIONS).every((regions) => regions.includes(config.region)));
});

test('access logs require the logging role of the account, which the stack does not create', () => {
  const logged = { ...config, accessLogs: true };
  assert.match(faults({ config: logged }), /CloudWatch log role ARN/);
  assert.equal(faults({ config: logged, loggingRole: 'arn:aws:iam::1:role/logs' }), '');
});

test('a user pool keeps its case sensitivity and is never replaced to change it', () => {
  const first = { Id: 'p' };
  assert.match(faults({ pool: first }), /set userNamesIgnoreCase to false/);
  assert.equal(faults({ pool: first, config: { ...config, userNamesIgnoreCase: false } }), '');
  const ignoring = { UsernameConfiguration: { CaseSensitive: false } };
  assert.equal(faults({ pool: ignoring }), '');
  assert.match(
    faults({ pool: ignoring, config: { ...config, userNamesIgnoreCase: false } }),
    /set userNamesIgnoreCase to true/,
  );
});

test('nothing is deleted unless the name of the stage is confirmed', async () => {
  const provider = {
    getStage: () => 'prod',
    naming: { getStackName: () => 'labelcast-prod' },
    getAwsSdkV3Config: () => assert.fail('AWS was asked'),
  };
  const removal = new Emptied({ getProvider: () => provider });
  for (const given of ['dev', '', undefined]) {
    if (given === undefined) delete process.env.LABELCAST_REMOVE;
    else process.env.LABELCAST_REMOVE = given;
    await assert.rejects(removal.hooks['before:remove:remove'](), /nothing was removed/);
  }
  delete process.env.LABELCAST_REMOVE;
});

test('settings out of bounds are refused, naming the bounds', () => {
  assert.deepEqual(bounds.outside(config), []);
  for (const [name, value, expected] of [
    ['analysesAtOnce', 1, 'from 2 to 1000'],
    ['deliveriesAtOnce', 1001, 'from 2 to 1000'],
    ['tokenMinutes', 4, 'from 5 to 60'],
    ['postsPerSecond', 0, 'from 1 to'],
    ['receiversAtOnce', 'all', 'from 1 to 20000'],
    ['historyHours', 87_601, 'from 1 to 87600'],
    ['minConfidence', 100.5, 'must be a number from 0 to 100'],
    ['maxReceiveCount', 101, 'from 1 to 100'],
    ['userPoolTier', 'FREE', 'one of LITE, ESSENTIALS, PLUS'],
    ['accessLogs', 'yes', 'one of true, false'],
  ]) {
    const [wrong, ...others] = bounds.outside({ ...config, [name]: value });
    assert.ok(
      wrong.includes(name) && wrong.includes(`\`${value}\``) && wrong.includes(expected),
      wrong,
    );
    assert.deepEqual(others, []);
  }
});

test('settings that could advance the watermark too early cannot be packaged', () => {
  const directory = mkdtempSync(join(tmpdir(), 'labelcast-'));
  const settings = join(directory, 'config.yml');
  for (const [line, changed] of [
    ['maxReceiveCount: 3', 'maxReceiveCount: 9'],
    ['watermarkSeconds: 1200', 'watermarkSeconds: 600'],
    ['alarmWaitingSeconds: 120', 'alarmWaitingSeconds: 600'],
  ]) {
    const usual = read('infra/config.yml');
    assert.ok(usual.includes(line));
    writeFileSync(settings, usual.replace(line, changed));
    const done = spawnSync(
      'npx',
      ['osls', 'package', '--package', join(directory, 'out'), '--stage', 'late'],
      {
        env: { ...process.env, LABELCAST_CONFIG: settings },
        encoding: 'utf8',
      },
    );
    assert.notEqual(done.status, 0, changed);
    assert.match(
      done.stdout + done.stderr,
      /Raise watermarkSeconds, or lower maxReceiveCount/,
      changed,
    );
  }
});
