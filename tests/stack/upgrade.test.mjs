// An upgrade keeps what a stage has: resources of the first release are there under the same logical ids, and nothing about
// them changes that CloudFormation could only change by replacing them. What was deployed is recorded in upgrade.json; of a
// resource that a later release adds, add the line there.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Template, read } from './template.mjs';

const deployed = JSON.parse(read('tests/stack/upgrade.json'));
const { resources } = new Template('checked');

// What may not even appear where it was not set: a change to it replaces (or cannot be made at all).
const NEVER_SET = {
  'AWS::Cognito::UserPool': ['AliasAttributes', 'Schema'],
  'AWS::DynamoDB::Table': ['TableName', 'LocalSecondaryIndexes'],
  'AWS::SNS::Topic': ['TopicName', 'FifoTopic'],
  'AWS::SQS::Queue': ['QueueName', 'FifoQueue'],
};

test('an upgrade keeps every resource of a deployed stage with its type', () => {
  assert.ok(Object.keys(deployed).length > 190);
  for (const [id, { Type }] of Object.entries(deployed))
    assert.equal(resources[id]?.Type, Type, id);
});

test('an upgrade replaces no resource', () => {
  for (const [id, { Type, Properties = {} }] of Object.entries(deployed)) {
    for (const [name, value] of Object.entries(Properties))
      assert.deepEqual(resources[id].Properties[name], value, `${id}.${name}`);
    for (const name of NEVER_SET[Type] ?? [])
      if (!(name in Properties))
        assert.ok(!(name in (resources[id].Properties ?? {})), `${id}.${name}`);
  }
});

test('resources that hold data are retained on deletion and replacement', () => {
  const holding = /^AWS::(DynamoDB::Table|Cognito::UserPool|Cognito::UserPoolGroup)$/;
  for (const [id, resource] of Object.entries(resources).filter(([, { Type }]) =>
    holding.test(Type),
  )) {
    assert.equal(resource.DeletionPolicy, 'RetainExceptOnCreate', id);
    assert.equal(resource.UpdateReplacePolicy, 'Retain', id);
  }
  // CloudFormation deletes no bucket that holds something; its name is fixed, so that a left one would be in the way.
  assert.equal(resources.Bucket.UpdateReplacePolicy, 'Retain');
});
