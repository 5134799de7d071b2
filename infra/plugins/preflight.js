'use strict';

const { APIGatewayClient, GetAccountCommand } = require('@aws-sdk/client-api-gateway');
const {
  CloudFormationClient,
  DescribeStackResourceCommand,
} = require('@aws-sdk/client-cloudformation');
const {
  CognitoIdentityProviderClient,
  DescribeUserPoolCommand,
} = require('@aws-sdk/client-cognito-identity-provider');
const { GetAccountSettingsCommand, LambdaClient } = require('@aws-sdk/client-lambda');
const REGIONS = require('../regions');

// Runs that the `failed` queue may start, as infra/functions/images.yml has it; and what is left for everything else at least.
const FAILED_AT_ONCE = 2;
const OTHERS_AT_ONCE = 4;

// What would stop a deployment half-way, or the product afterwards, is said before anything is created: `osls preflight`, which
// `make deploy` begins with, and again with every `osls deploy`.
module.exports = class Preflight {
  constructor(serverless) {
    this.serverless = serverless;
    this.provider = serverless.getProvider('aws');
    this.commands = {
      preflight: {
        usage: 'Says what would keep the stack from being deployed to this account and region',
        lifecycleEvents: ['check'],
      },
    };
    this.hooks = {
      'preflight:check': () => this.check(),
      'before:deploy:deploy': () => this.check(),
    };
  }

  async check() {
    const { config } = this.serverless.service.custom;
    const problems = faults({
      config,
      region: this.provider.getRegion(),
      ...(await this.account(config)),
    });
    if (problems.length > 0)
      throw new Error(
        `nothing was created or changed:\n${problems.map((each) => `- ${each}`).join('\n')}`,
      );
  }

  /** What the account and a stage that is already there have to say. */
  async account({ accessLogs }) {
    const config = await this.provider.getAwsSdkV3Config();
    const { AccountLimit } = await new LambdaClient(config).send(new GetAccountSettingsCommand());
    const loggingRole = accessLogs
      ? (await new APIGatewayClient(config).send(new GetAccountCommand())).cloudwatchRoleArn
      : undefined;
    return {
      concurrency: AccountLimit.UnreservedConcurrentExecutions,
      loggingRole,
      pool: await this.pool(config),
    };
  }

  /** The user pool of the stage, if the stage is there. */
  async pool(config) {
    const StackName = this.provider.naming.getStackName();
    const asked = new DescribeStackResourceCommand({ StackName, LogicalResourceId: 'UserPool' });
    let UserPoolId;
    try {
      const { StackResourceDetail: resource } = await new CloudFormationClient(config).send(asked);
      if (resource.ResourceStatus === 'DELETE_COMPLETE') return undefined;
      UserPoolId = resource.PhysicalResourceId;
    } catch (error) {
      // There is no such stack yet, or it came no further.
      if (error.name === 'ValidationError') return undefined;
      throw error;
    }
    if (!UserPoolId) return undefined;
    const described = new DescribeUserPoolCommand({ UserPoolId });
    return (await new CognitoIdentityProviderClient(config).send(described)).UserPool;
  }
};

/** What is wrong, a sentence each. */
function faults({ config, region, concurrency, loggingRole, pool }) {
  const missing = Object.keys(REGIONS).filter((service) => !REGIONS[service].includes(region));
  const found = missing.map((service) => {
    const others = Object.values(REGIONS).reduce((all, one) =>
      all.filter((each) => one.includes(each)),
    );
    return `${service}, which Labelcast needs, is not known to be in ${region}; choose another \`region\`: ${others.join(', ')}`;
  });
  const needed = config.analysesAtOnce + config.deliveriesAtOnce + FAILED_AT_ONCE + OTHERS_AT_ONCE;
  if (needed > concurrency) {
    found.push(
      `this account may run ${concurrency} functions at once, and the queues alone may start ` +
        `${needed - OTHERS_AT_ONCE} of them (analysesAtOnce ${config.analysesAtOnce}, deliveriesAtOnce ` +
        `${config.deliveriesAtOnce}, ${FAILED_AT_ONCE} for failures), with ${OTHERS_AT_ONCE} kept for all others: raise the ` +
        "quota `Concurrent executions` of Lambda, or lower these settings (2 at least, AWS's own bound)",
    );
  }
  if (config.accessLogs && !loggingRole) {
    found.push(
      'accessLogs is on, and API Gateway has no role in this account and region to write logs with: set `CloudWatch log role ARN` ' +
        'in the settings of API Gateway, or turn accessLogs off',
    );
  }
  if (pool !== undefined) {
    const ignoresCase = pool.UsernameConfiguration?.CaseSensitive === false;
    if (ignoresCase !== config.userNamesIgnoreCase) {
      found.push(
        `the user pool of this stage was made with user names whose case ${ignoresCase ? 'does not matter' : 'matters'}, which ` +
          `cannot change without losing its users: set userNamesIgnoreCase to ${ignoresCase} for this stage`,
      );
    }
  }
  return found;
}

module.exports.faults = faults;
