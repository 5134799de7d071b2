'use strict';

const {
  APIGatewayClient,
  GetStageCommand,
  UpdateStageCommand,
} = require('@aws-sdk/client-api-gateway');
const {
  CloudFormationClient,
  DescribeStackResourceCommand,
} = require('@aws-sdk/client-cloudformation');

// What a line says: who asked what, and what came of it. No query and no header: tokens travel there.
const LOGGED = {
  RestAccessLog: {
    requestId: '$context.requestId',
    time: '$context.requestTime',
    ip: '$context.identity.sourceIp',
    method: '$context.httpMethod',
    path: '$context.resourcePath',
    status: '$context.status',
    bytes: '$context.responseLength',
    milliseconds: '$context.responseLatency',
    user: '$context.authorizer.claims.sub',
    error: '$context.error.responseType',
  },
  LiveAccessLog: {
    requestId: '$context.requestId',
    time: '$context.requestTime',
    ip: '$context.identity.sourceIp',
    event: '$context.eventType',
    route: '$context.routeKey',
    connection: '$context.connectionId',
    status: '$context.status',
    user: '$context.authorizer.principalId',
    error: '$context.error.messageString',
  },
};

// How much each API takes, and whether a log is written of it. The stage of the REST API is no resource of the stack: the
// framework lets the deployment make it, and CloudFormation neither takes it over nor changes it (docs/decisions/0009-rest-stage.md).
// So that one is set after the deployment, as the framework itself sets tracing there.
module.exports = class Throttles {
  constructor(serverless) {
    this.serverless = serverless;
    this.provider = serverless.getProvider('aws');
    this.hooks = {
      'before:aws:package:finalize:saveServiceState': () => this.package(),
      'after:deploy:finalize': () => this.setRestStage(),
    };
  }

  get config() {
    return this.serverless.service.custom.config;
  }

  package() {
    const { Resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    const { Properties } = Resources.WebsocketsDeploymentStage;
    Properties.DefaultRouteSettings = {
      ThrottlingRateLimit: this.config.liveMessagesPerSecond,
      ThrottlingBurstLimit: this.config.liveBurst,
    };
    if (!this.config.accessLogs) return;
    for (const [id, name] of Object.entries({ RestAccessLog: 'rest', LiveAccessLog: 'live' })) {
      Resources[id] = {
        Type: 'AWS::Logs::LogGroup',
        Properties: {
          LogGroupName: `/labelcast/${this.provider.getStage()}/${name}`,
          RetentionInDays: this.config.logDays,
        },
      };
    }
    Properties.AccessLogSettings = {
      DestinationArn: { 'Fn::Sub': ARN.replace('NAME', '${LiveAccessLog}') },
      Format: JSON.stringify(LOGGED.LiveAccessLog),
    };
  }

  async setRestStage() {
    const config = await this.provider.getAwsSdkV3Config();
    const restApiId = await this.physicalId(new CloudFormationClient(config), 'ApiGatewayRestApi');
    const stageName = this.provider.getStage();
    const { accountId, partition } = await this.provider.getAccountInfo();
    const log = `arn:${partition}:logs:${this.provider.getRegion()}:${accountId}:log-group:/labelcast/${stageName}/rest`;
    const gateway = new APIGatewayClient(config);
    const { accessLogSettings } = await gateway.send(new GetStageCommand({ restApiId, stageName }));
    const patchOperations = restStage(this.config, log, accessLogSettings !== undefined);
    await gateway.send(new UpdateStageCommand({ restApiId, stageName, patchOperations }));
  }

  async physicalId(cloudFormation, LogicalResourceId) {
    const StackName = this.provider.naming.getStackName();
    const asked = new DescribeStackResourceCommand({ StackName, LogicalResourceId });
    return (await cloudFormation.send(asked)).StackResourceDetail.PhysicalResourceId;
  }
};

const ARN = 'arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:NAME';

/** What to change about the stage of the REST API: for all methods of all paths. */
function restStage(config, log, logged) {
  const replace = (path, value) => ({ op: 'replace', path, value: String(value) });
  const throttles = [
    replace('/*/*/throttling/rateLimit', config.restRequestsPerSecond),
    replace('/*/*/throttling/burstLimit', config.restBurst),
  ];
  const logs = config.accessLogs
    ? [
        replace('/accessLogSettings/destinationArn', log),
        replace('/accessLogSettings/format', JSON.stringify(LOGGED.RestAccessLog)),
      ]
    : [{ op: 'remove', path: '/accessLogSettings' }].filter(() => logged);
  return [...throttles, ...logs];
}

module.exports.restStage = restStage;
