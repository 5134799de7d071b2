'use strict';

const {
  CloudFormationClient,
  DescribeStackResourceCommand,
} = require('@aws-sdk/client-cloudformation');
const { DeleteObjectsCommand, ListObjectsV2Command, S3Client } = require('@aws-sdk/client-s3');

// CloudFormation does not delete a bucket that holds something: `osls remove` empties it first.
module.exports = class Emptied {
  constructor(serverless) {
    this.provider = serverless.getProvider('aws');
    this.hooks = { 'before:remove:remove': () => this.empty() };
  }

  async empty() {
    const config = await this.provider.getAwsSdkV3Config();
    const Bucket = await this.bucket(new CloudFormationClient(config));
    if (Bucket === undefined) return;
    const s3 = new S3Client(config);
    for (;;) {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
      if (Contents.length === 0) return;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      const { Errors = [] } = await s3.send(
        new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
      );
      if (Errors.length > 0) {
        throw new Error(`${Bucket} could not be emptied: ${Errors[0].Key}: ${Errors[0].Message}`);
      }
    }
  }

  /** The stack's own bucket; none if the stack is not there or came no further. */
  async bucket(cloudFormation) {
    const StackName = this.provider.naming.getStackName();
    const asked = new DescribeStackResourceCommand({ StackName, LogicalResourceId: 'Bucket' });
    try {
      const { StackResourceDetail: bucket } = await cloudFormation.send(asked);
      return bucket.ResourceStatus === 'DELETE_COMPLETE' ? undefined : bucket.PhysicalResourceId;
    } catch (error) {
      if (error.name === 'ValidationError') return undefined;
      throw error;
    }
  }
};
