'use strict';

// CloudFormation does not delete a bucket that holds something: `osls remove` empties it first.
module.exports = class Emptied {
  constructor(serverless) {
    this.provider = serverless.getProvider('aws');
    this.log = (text) => serverless.cli?.log?.(text);
    this.hooks = { 'before:remove:remove': () => this.empty() };
  }

  async empty() {
    const Bucket = await this.bucket();
    if (Bucket === undefined) return;
    for (;;) {
      const { Contents = [] } = await this.provider.request('S3', 'listObjectsV2', { Bucket });
      if (Contents.length === 0) return;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      const { Errors = [] } = await this.provider.request('S3', 'deleteObjects', { Bucket, Delete: { Objects, Quiet: true } });
      if (Errors.length > 0) throw new Error(`${Bucket} could not be emptied: ${Errors[0].Key}: ${Errors[0].Message}`);
    }
  }

  /** The stack's own bucket; none if the stack is not there or came no further. */
  async bucket() {
    const StackName = this.provider.naming.getStackName();
    try {
      const { StackResourceDetail } = await this.provider.request('CloudFormation', 'describeStackResource', {
        StackName,
        LogicalResourceId: 'Bucket',
      });
      return StackResourceDetail.ResourceStatus === 'DELETE_COMPLETE' ? undefined : StackResourceDetail.PhysicalResourceId;
    } catch (error) {
      if (/does not exist/.test(error.message)) return undefined;
      throw error;
    }
  }
};
