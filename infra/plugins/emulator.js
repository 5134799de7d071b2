'use strict';

const STAGE = 'emulator';
const DROPPED = ['AWS::ApiGatewayV2::Deployment', 'AWS::ApiGatewayV2::RouteResponse'];
// It speaks no TLS, which this policy asks for.
const TLS_ONLY = 'BucketPolicy';
const ENDPOINT = /^AWS_ENDPOINT_URL/;

// For the stage `emulator` only: removes what the AWS emulator does not support, and gives the functions its endpoint.
module.exports = class Emulator {
  constructor(serverless) {
    this.serverless = serverless;
    const finalize = () => serverless.service.provider.stage === STAGE && this.adapt();
    this.hooks = { 'before:aws:package:finalize:saveServiceState': finalize };
  }

  adapt() {
    if (!process.env.AWS_ENDPOINT_URL) {
      throw new Error(
        'the stage `emulator` is for an emulator of AWS: name it with AWS_ENDPOINT_URL=http://127.0.0.1:PORT',
      );
    }
    const { Resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    const dropped = Object.keys(Resources).filter(
      (id) => id === TLS_ONLY || DROPPED.includes(Resources[id].Type),
    );
    for (const id of dropped) delete Resources[id];
    for (const resource of Object.values(Resources)) {
      const rest = [resource.DependsOn ?? []].flat().filter((id) => !dropped.includes(id));
      if (rest.length > 0) resource.DependsOn = rest;
      else delete resource.DependsOn;
      if (dropped.includes(resource.Properties?.DeploymentId?.Ref))
        delete resource.Properties.DeploymentId;
      if (resource.Type === 'AWS::IAM::Role') resource.Properties.Policies.forEach(allowBatches);
      if (resource.Type === 'AWS::Lambda::Function')
        Object.assign(resource.Properties.Environment.Variables, endpoints(), {
          // Says in each call which function it is.
          AWS_SDK_UA_APP_ID: resource.Properties.Handler,
        });
    }
  }
};

// On SQS, who may send a message may send several at once, and there is no right to name for it; the emulator asks for one.
function allowBatches({ PolicyDocument }) {
  for (const statement of PolicyDocument.Statement) {
    if ([statement.Action].flat().includes('sqs:SendMessage'))
      statement.Action = [statement.Action, 'sqs:SendMessageBatch'].flat();
  }
}

function endpoints() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => ENDPOINT.test(name)));
}
