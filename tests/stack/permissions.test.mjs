// Who may call what: every permission names its source, so that nobody else's resource can stand in for ours.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Template, reference } from './template.mjs';

const template = new Template('checked');
const functions = template.functions;
const permissions = template.all('AWS::Lambda::Permission');
const text = (value) => JSON.stringify(value);

/** Sources by function, with the placeholders of CloudFormation in them. */
const sources = (name) =>
  permissions
    .filter(([, each]) => reference(each.FunctionName) === functions.get(name).id)
    .map(([, each]) => each.SourceArn['Fn::Sub'] ?? text(each.SourceArn));

test('every service permission names its source resource in this stack', () => {
  assert.ok(permissions.length >= 15);
  for (const [id, permission] of permissions) {
    assert.match(permission.Principal, /^(apigateway|events|s3)\.amazonaws\.com$/, id);
    assert.ok(permission.SourceArn, `${id}: everybody's resources may call`);
    const named = text(permission.SourceArn);
    const own = Object.keys(template.resources).some(
      (resource) => named.includes(`"${resource}"`) || named.includes(`\${${resource}}`),
    );
    const bucket = named.includes(
      text(template.resources.Bucket.Properties.BucketName['Fn::Sub']).slice(1, -1),
    );
    assert.ok(own || bucket, `${id}: ${named} is nothing of this stack`);
  }
});

test('sources without an account in their ARN are restricted by account', () => {
  for (const [id, permission] of permissions.filter(
    ([, each]) => each.Principal === 's3.amazonaws.com',
  ))
    assert.deepEqual(permission.SourceAccount, { Ref: 'AWS::AccountId' }, id);
});

test('only the WebSocket API may invoke its functions and authorizer', () => {
  const api = 'arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketsApi}';
  assert.deepEqual(sources('connect'), [`${api}/checked/$connect`]);
  assert.deepEqual(sources('disconnect'), [`${api}/checked/$disconnect`]);
  assert.deepEqual(sources('message'), [`${api}/checked/*`]);
  assert.deepEqual(sources('authorize'), [`${api}/authorizers/\${AuthorizeWebsocketsAuthorizer}`]);
});

test('the REST API invokes functions from its own stage only', () => {
  const api =
    'arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${ApiGatewayRestApi}';
  const integrations = template
    .all('AWS::ApiGateway::Method')
    .map(([, method]) => text(method.Integration.Uri));
  const behind = [...functions].filter(([, { id }]) =>
    integrations.some((uri) => uri.includes(`"${id}"`)),
  );
  assert.ok(behind.length >= 7);
  for (const [name] of behind) assert.deepEqual(sources(name), [`${api}/checked/*`], name);
});

test('an event rule invokes only its own target', () => {
  for (const [id, permission] of permissions.filter(
    ([, each]) => each.Principal === 'events.amazonaws.com',
  )) {
    const named = text(permission.SourceArn);
    assert.doesNotMatch(named, /\*/, id);
    const [, rule] = template
      .all('AWS::Events::Rule')
      .find(([ruleId, each]) => named.includes(`"${ruleId}"`) || named.includes(each.Name));
    assert.ok(
      rule.Targets.some(({ Arn }) => reference(Arn) === reference(permission.FunctionName)),
      id,
    );
  }
});

test('a queue accepts messages from one explicitly named source', () => {
  const statements = template
    .all('AWS::SQS::QueuePolicy')
    .flatMap(([id, policy]) => policy.PolicyDocument.Statement.map((statement) => [id, statement]));
  assert.ok(statements.length >= 3);
  for (const [id, { Principal, Condition }] of statements) {
    assert.deepEqual(Object.keys(Principal), ['Service'], id);
    assert.deepEqual(Object.keys(Condition), ['ArnEquals'], id);
    assert.doesNotMatch(text(Condition.ArnEquals['aws:SourceArn']), /\*/, id);
  }
  const rules = template
    .all('AWS::Events::Rule')
    .flatMap(([, rule]) =>
      rule.Targets.filter((target) => target.DeadLetterConfig).map((target) => [
        rule.Name,
        reference(target.DeadLetterConfig.Arn),
      ]),
    );
  assert.equal(rules.length, 2);
  for (const [rule, queue] of rules) {
    const allowed = statements.find(([, statement]) => reference(statement.Resource) === queue)[1];
    assert.ok(text(allowed.Condition).includes(`/${rule}"`), `${rule} may not write to ${queue}`);
  }
});

test('functions cannot create log groups, so those of the stack are deleted with it', () => {
  const groups = template.all('AWS::Logs::LogGroup').map(([, group]) => group.LogGroupName);
  for (const [name, { FunctionName }] of functions) {
    const actions = template.rights(name).map(([action]) => action);
    assert.ok(!actions.includes('logs:CreateLogGroup'), name);
    assert.ok(actions.includes('logs:PutLogEvents'), name);
    assert.ok(groups.includes(`/aws/lambda/${FunctionName}`), name);
  }
});
