'use strict';

const { createInterface } = require('node:readline/promises');
const {
  CloudFormationClient,
  ListStackResourcesCommand,
} = require('@aws-sdk/client-cloudformation');
const {
  CognitoIdentityProviderClient,
  DeleteUserPoolCommand,
  DescribeUserPoolCommand,
} = require('@aws-sdk/client-cognito-identity-provider');
const {
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
} = require('@aws-sdk/client-dynamodb');
const { DeleteObjectsCommand, ListObjectsV2Command, S3Client } = require('@aws-sdk/client-s3');

// Removing the stage removes what was stored, and nothing before somebody has given its name. CloudFormation alone deletes
// neither a bucket that holds something nor the tables and the users (DeletionPolicy): whoever deletes the stack by another
// tool keeps them.
module.exports = class Emptied {
  constructor(serverless) {
    this.provider = serverless.getProvider('aws');
    this.hooks = {
      'before:remove:remove': () => this.prepare(),
      'after:remove:remove': () => this.deleteData(),
    };
    this.data = [];
  }

  async prepare() {
    const stage = this.provider.getStage();
    const given = await nameGiven(stage);
    if (given !== stage)
      throw new Error(`nothing was removed: this is the stage \`${stage}\`, not \`${given}\``);
    const config = await this.provider.getAwsSdkV3Config();
    this.data = await this.resources(new CloudFormationClient(config));
    // Before the first picture goes: a deletion that AWS refuses later would leave half a stage.
    await this.refuseProtected(config);
    const bucket = this.data.find(({ LogicalResourceId }) => LogicalResourceId === 'Bucket');
    if (bucket !== undefined) await empty(new S3Client(config), bucket.PhysicalResourceId);
  }

  /** What is there of the stack; nothing if the stack is not. */
  async resources(cloudFormation) {
    const StackName = this.provider.naming.getStackName();
    const all = [];
    try {
      let NextToken;
      do {
        const page = await cloudFormation.send(
          new ListStackResourcesCommand({ StackName, NextToken }),
        );
        all.push(...page.StackResourceSummaries);
        ({ NextToken } = page);
      } while (NextToken);
      return all.filter(
        ({ ResourceStatus, PhysicalResourceId }) =>
          ResourceStatus !== 'DELETE_COMPLETE' && PhysicalResourceId,
      );
    } catch (error) {
      if (error.name === 'ValidationError') return [];
      throw error;
    }
  }

  async refuseProtected(config) {
    const dynamoDb = new DynamoDBClient(config);
    for (const TableName of this.named('AWS::DynamoDB::Table')) {
      const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName }));
      if (Table.DeletionProtectionEnabled) throw isProtected(TableName);
    }
    const cognito = new CognitoIdentityProviderClient(config);
    for (const UserPoolId of this.named('AWS::Cognito::UserPool')) {
      const { UserPool } = await cognito.send(new DescribeUserPoolCommand({ UserPoolId }));
      if (UserPool.DeletionProtection === 'ACTIVE') throw isProtected(UserPoolId);
    }
  }

  /** Tables and users, which the deleted stack has left behind. */
  async deleteData() {
    const config = await this.provider.getAwsSdkV3Config();
    const dynamoDb = new DynamoDBClient(config);
    for (const TableName of this.named('AWS::DynamoDB::Table'))
      await unlessGone(dynamoDb.send(new DeleteTableCommand({ TableName })));
    const cognito = new CognitoIdentityProviderClient(config);
    for (const UserPoolId of this.named('AWS::Cognito::UserPool'))
      await unlessGone(cognito.send(new DeleteUserPoolCommand({ UserPoolId })));
  }

  named(type) {
    return this.data
      .filter(({ ResourceType }) => ResourceType === type)
      .map(({ PhysicalResourceId }) => PhysicalResourceId);
  }
};

/** The stage's name as somebody typed it, or as LABELCAST_REMOVE has it where nobody can. */
async function nameGiven(stage) {
  if (process.env.LABELCAST_REMOVE !== undefined) return process.env.LABELCAST_REMOVE;
  if (!process.stdin.isTTY) {
    throw new Error(
      `nothing was removed: this deletes the stage \`${stage}\` with everything that was stored. Set LABELCAST_REMOVE to its name to say so`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(
      `This deletes the stage \`${stage}\` with all pictures, labels, users and history. Type its name to go on: `,
    );
    return answer.trim();
  } finally {
    terminal.close();
  }
}

const isProtected = (name) =>
  new Error(
    `nothing was removed: ${name} is protected from deletion. Set deletionProtection to false and deploy, then remove the stage`,
  );

async function unlessGone(deletion) {
  try {
    await deletion;
  } catch (error) {
    if (error.name !== 'ResourceNotFoundException') throw error;
  }
}

async function empty(s3, Bucket) {
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    if (Errors.length > 0)
      throw new Error(`${Bucket} could not be emptied: ${Errors[0].Key}: ${Errors[0].Message}`);
  }
}
