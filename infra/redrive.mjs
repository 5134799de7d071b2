// Dead letters of a deployed stack: `redrive.mjs STAGE` lists how many there are, `redrive.mjs STAGE QUEUE` gives those of one
// queue another try. Region and credentials come from the environment, as for the AWS command line.
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';

const sqs = new SQSClient();
const lambda = new LambdaClient();
const [stage, queue] = process.argv.slice(2);

/** Where the letters of a queue go to: back to the queue before the function, or to the function itself. */
const ways = {
  AnalysisDeadLetters: (body, urls) => send(urls.AnalysisQueueUrl, body),
  DeliveryDeadLetters: (body, urls) => send(urls.DeliveryQueueUrl, body),
  FailuresDeadLetters: (body, urls) => send(urls.FailuresQueueUrl, body),
  IndexDeadLetters: (body) => invoke(`labelcast-${stage}-index`, body),
  NotifyDeadLetters: (body) => invoke(`labelcast-${stage}-notify`, body),
  // Lambda's record of an event that exhausted a function: the event is inside.
  GivenUpDeadLetters: (body) => {
    const { requestContext, requestPayload } = JSON.parse(body);
    return invoke(requestContext.functionArn, JSON.stringify(requestPayload));
  },
};

function send(QueueUrl, MessageBody) {
  return sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

function invoke(FunctionName, Payload) {
  return lambda.send(new InvokeCommand({ FunctionName, InvocationType: 'Event', Payload }));
}

async function outputs() {
  const described = new DescribeStacksCommand({ StackName: `labelcast-${stage}` });
  const { Stacks } = await new CloudFormationClient().send(described);
  return Object.fromEntries(
    Stacks[0].Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
  );
}

async function count(QueueUrl) {
  const asked = new GetQueueAttributesCommand({
    QueueUrl,
    AttributeNames: ['ApproximateNumberOfMessages'],
  });
  return Number((await sqs.send(asked)).Attributes.ApproximateNumberOfMessages);
}

/** At most as many as there were at the start: what fails again must not go round in circles. */
async function redrive(QueueUrl, urls) {
  let left = await count(QueueUrl);
  let done = 0;
  while (left > 0) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: Math.min(left, 10) }),
    );
    if (Messages.length === 0) break;
    for (const { Body, ReceiptHandle } of Messages) {
      // Handed on first: if we are cut off in between, it is tried twice, which does no harm.
      await ways[queue](Body, urls);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      done += 1;
    }
    left -= Messages.length;
  }
  return done;
}

if (stage === undefined || (queue !== undefined && !(queue in ways))) {
  console.error(`usage: redrive.mjs STAGE [${Object.keys(ways).join(' | ')}]`);
  process.exit(2);
}
const urls = await outputs();
if (queue === undefined) {
  for (const name of Object.keys(ways))
    console.log(`${String(await count(urls[`${name}Url`])).padStart(6)}  ${name}`);
} else {
  console.log(
    `${await redrive(urls[`${queue}Url`], urls)} dead letters of ${queue} are tried again`,
  );
}
