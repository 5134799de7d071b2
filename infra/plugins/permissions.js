'use strict';

const API_GATEWAY = 'apigateway.amazonaws.com';

// Who may call a function, and what its role may create: the framework leaves both wider than they need to be.
module.exports = class Permissions {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:aws:package:finalize:saveServiceState': () => this.narrow() };
  }

  narrow() {
    const { service } = this.serverless;
    const { Resources } = service.provider.compiledCloudFormationTemplate;
    const { stage } = service.provider;
    for (const [id, { Properties }] of ofType(Resources, 'AWS::Lambda::Permission')) {
      if (Properties.Principal !== API_GATEWAY) continue;
      const called = functionIn(Properties.FunctionName);
      Properties.SourceArn =
        Properties.SourceArn === undefined
          ? webSocketSource(Resources, stage, called, id)
          : source('ApiGatewayRestApi', `${stage}/*`);
    }
    for (const [, { Properties }] of ofType(Resources, 'AWS::IAM::Role'))
      Properties.Policies.forEach(withoutLogGroups);
  }
};

// Without a source, an API of another account could call `connect` and make up what the authorizer said.
function webSocketSource(resources, stage, called, id) {
  const [authorizer] = ofType(resources, 'AWS::ApiGatewayV2::Authorizer').find(
    ([, { Properties }]) => functionIn(Properties.AuthorizerUri) === called,
  ) ?? [undefined];
  if (authorizer !== undefined) return source('WebsocketsApi', `authorizers/\${${authorizer}}`);
  const integrations = ofType(resources, 'AWS::ApiGatewayV2::Integration')
    .filter(([, { Properties }]) => functionIn(Properties.IntegrationUri) === called)
    .map(([integration]) => integration);
  const routes = ofType(resources, 'AWS::ApiGatewayV2::Route')
    .map(([, { Properties }]) => Properties)
    .filter(({ Target }) =>
      integrations.some((each) => JSON.stringify(Target).includes(`"${each}"`)),
    )
    .map(({ RouteKey }) => RouteKey);
  if (routes.length === 0) throw new Error(`${id}: no route and no authorizer calls this function`);
  return source('WebsocketsApi', `${stage}/${routes.length === 1 ? routes[0] : '*'}`);
}

const source = (api, path) => ({
  'Fn::Sub': `arn:\${AWS::Partition}:execute-api:\${AWS::Region}:\${AWS::AccountId}:\${${api}}/${path}`,
});

/** The logical id of the function that an ARN, or a URI around one, names. */
const functionIn = (value) =>
  JSON.stringify(value).match(/"Fn::GetAtt":\["(\w+LambdaFunction)","Arn"\]/)?.[1];

// Log groups are resources of the stack: one made by a function itself would outlive the stack and be kept for ever.
function withoutLogGroups({ PolicyDocument }) {
  for (const statement of PolicyDocument.Statement) {
    const actions = [statement.Action].flat();
    if (actions.includes('logs:CreateLogGroup'))
      statement.Action = actions.filter((action) => action !== 'logs:CreateLogGroup');
  }
}

function ofType(resources, type) {
  return Object.entries(resources).filter(([, resource]) => resource.Type === type);
}
