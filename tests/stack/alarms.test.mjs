// What goes wrong is seen, and said to somebody.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { Template, read, reference } from './template.mjs';

const template = new Template('checked');
const { functions } = template;
const alarms = template.all('AWS::CloudWatch::Alarm').map(([, alarm]) => alarm);
const of = (metric) => alarms.filter(({ MetricName }) => MetricName === metric);
const watched = (metric) => of(metric).map(({ Dimensions }) => reference(Dimensions[0].Value));

test('every alarm notifies the topic that people subscribe to', () => {
  assert.ok(alarms.length > 40);
  for (const alarm of alarms) {
    assert.deepEqual(alarm.AlarmActions, [{ Ref: 'Alarms' }], alarm.AlarmDescription);
    assert.ok(alarm.AlarmDescription.length > 20);
  }
});

test('an alarm watches the throttling of every function', () => {
  assert.deepEqual(
    watched('Throttles').toSorted(),
    [...functions.values()].map(({ id }) => id).toSorted(),
  );
});

test('an alarm watches the oldest message of every consumed queue', () => {
  const working = template
    .all('AWS::Lambda::EventSourceMapping')
    .map(([, mapping]) => reference(mapping.EventSourceArn));
  assert.deepEqual(watched('ApproximateAgeOfOldestMessage').toSorted(), working.toSorted());
  assert.ok(of('ApproximateAgeOfOldestMessage').every(({ Threshold }) => Threshold === 120));
});

test('an alarm watches failures of the REST API', () => {
  const [alarm] = of('5XXError');
  assert.deepEqual(alarm.Dimensions, [
    { Name: 'ApiName', Value: template.resources.ApiGatewayRestApi.Properties.Name },
    { Name: 'Stage', Value: 'checked' },
  ]);
});

test('a sweep that does not run raises an alarm by its missing data', () => {
  const [alarm] = of('Invocations');
  assert.equal(reference(alarm.Dimensions[0].Value), functions.get('sweep').id);
  assert.deepEqual(
    [alarm.ComparisonOperator, alarm.TreatMissingData],
    ['LessThanThreshold', 'breaching'],
  );
});

test('alarms watch failed pushes and upload-to-push latency, by metrics of this stage', () => {
  const counted = sourcesBelow('functions/src')
    .concat(sourcesBelow('infra/aws/src'))
    .map(read)
    .join('\n');
  const own = alarms.filter(({ Namespace }) => Namespace === 'Labelcast');
  assert.deepEqual(own.map(({ MetricName }) => MetricName).toSorted(), [
    'labelcast_unreached_total',
    'labelcast_unreached_total',
    'labelcast_upload_to_push_seconds',
  ]);
  for (const { MetricName, Dimensions } of own) {
    assert.ok(counted.includes(`"${MetricName}"`), MetricName);
    const labels = Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]));
    assert.equal(labels.stage, 'checked', MetricName);
    assert.ok(functions.has(labels.function), MetricName);
  }
  const pushing = of('labelcast_unreached_total').map(({ Dimensions }) => Dimensions[0].Value);
  assert.deepEqual(pushing.toSorted(), ['deliver', 'notify']);
});

function sourcesBelow(folder) {
  return readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true })
    .filter((file) => file.endsWith('.rs'))
    .map((file) => `${folder}/${file}`);
}
