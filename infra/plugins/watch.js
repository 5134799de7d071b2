'use strict';

// Alarms for every function and every queue, and the dashboard: none is forgotten when one is added.
module.exports = class Watch {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:aws:package:finalize:mergeCustomProviderResources': () => this.watch() };
  }

  watch() {
    const { service } = this.serverless;
    const resources = service.resources.Resources;
    const { naming } = this.serverless.getProvider('aws');
    const queues = Object.keys(resources).filter((id) => resources[id].Type === 'AWS::SQS::Queue');
    const deadLetters = queues.filter((id) => id.endsWith('DeadLetters'));
    const working = queues.filter((id) => !id.endsWith('DeadLetters'));
    const functions = service
      .getAllFunctions()
      .map((name) => ({ name, id: naming.getLambdaLogicalId(name) }));

    for (const id of deadLetters) resources[`${id}Alarm`] = deadLetterAlarm(id);
    // `authorize` refuses people by failing; SocketErrors watches it instead.
    for (const { name, id } of functions.filter((each) => each.name !== 'authorize')) {
      resources[`${id}Errors`] = errorAlarm(name, id);
    }
    const names = { stage: service.provider.stage, rest: naming.getApiGatewayName() };
    const { config } = service.custom;
    for (const { name, id } of functions) resources[`${id}Throttled`] = throttleAlarm(name, id);
    for (const id of working)
      resources[`${id}Waiting`] = waitingAlarm(id, config.alarmWaitingSeconds);
    for (const { name, id } of functions.filter((each) => PUSHING.includes(each.name)))
      resources[`${id}FailedPushes`] = failedPushesAlarm(name, names.stage);
    resources.RestFailures = restAlarm(names);
    resources.SweepMissing = sweepAlarm(naming.getLambdaLogicalId('sweep'));
    resources.UploadToPush = uploadToPushAlarm(names.stage, config.alarmUploadToPushSeconds);
    resources.Dashboard = dashboard(names, functions, working, deadLetters);
    const address = config.alarmEmail;
    if (address) resources.AlarmsByEmail = subscription(address);
  }
};

// The functions that push notifications, by whose metrics it is seen.
const PUSHING = ['notify', 'deliver'];

const alarm = (properties) => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    EvaluationPeriods: 1,
    Threshold: 0,
    ComparisonOperator: 'GreaterThanThreshold',
    TreatMissingData: 'notBreaching',
    AlarmActions: [{ Ref: 'Alarms' }],
    ...properties,
  },
});

const deadLetterAlarm = (id) =>
  alarm({
    AlarmDescription: `There are messages in ${id}. See docs/aws.md for what to do.`,
    Namespace: 'AWS/SQS',
    MetricName: 'ApproximateNumberOfMessagesVisible',
    Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [id, 'QueueName'] } }],
    Statistic: 'Maximum',
    Period: 60,
  });

const errorAlarm = (name, id) =>
  alarm({
    AlarmDescription: `The function ${name} failed. Its log says why.`,
    Namespace: 'AWS/Lambda',
    MetricName: 'Errors',
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: id } }],
    Statistic: 'Sum',
    Period: 300,
  });

const throttleAlarm = (name, id) =>
  alarm({
    AlarmDescription: `The function ${name} was throttled: the account's concurrent executions are used up. See docs/aws.md.`,
    Namespace: 'AWS/Lambda',
    MetricName: 'Throttles',
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: id } }],
    Statistic: 'Sum',
    Period: 300,
  });

const waitingAlarm = (id, seconds) =>
  alarm({
    AlarmDescription: `A job has been waiting in ${id} for longer than ${seconds} s. See docs/aws.md.`,
    Namespace: 'AWS/SQS',
    MetricName: 'ApproximateAgeOfOldestMessage',
    Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': [id, 'QueueName'] } }],
    Statistic: 'Maximum',
    Period: 60,
    Threshold: seconds,
  });

const restAlarm = ({ stage, rest }) =>
  alarm({
    AlarmDescription: 'The REST API answered somebody 5xx. The log of the function says why.',
    Namespace: 'AWS/ApiGateway',
    MetricName: '5XXError',
    Dimensions: [
      { Name: 'ApiName', Value: rest },
      { Name: 'Stage', Value: stage },
    ],
    Statistic: 'Sum',
    Period: 300,
  });

// What it ends, nobody else does: sockets of expired tokens, uploads that hang. Nothing measured is the alarm itself.
const sweepAlarm = (id) =>
  alarm({
    AlarmDescription:
      'The function sweep has not run for 5 minutes. Its schedule or its permission is missing.',
    Namespace: 'AWS/Lambda',
    MetricName: 'Invocations',
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: id } }],
    Statistic: 'Sum',
    Period: 300,
    Threshold: 1,
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'breaching',
  });

/** A metric of the functions themselves: functions/src and infra/aws/src count it. */
const own = (MetricName, labels) => ({
  Namespace: 'Labelcast',
  MetricName,
  Dimensions: Object.entries(labels).map(([Name, Value]) => ({ Name, Value })),
});

const uploadToPushAlarm = (stage, seconds) =>
  alarm({
    AlarmDescription: `One upload in ten took longer than ${seconds} s from its form to the sockets. See docs/aws.md.`,
    ...own('labelcast_upload_to_push_seconds', { function: 'notify', stage }),
    ExtendedStatistic: 'p90',
    Period: 300,
    Threshold: seconds,
  });

// Who is gone does not count. A post that hung happens; it is wrong if it goes on: in two of three periods.
const failedPushesAlarm = (name, stage) =>
  alarm({
    AlarmDescription: `${name} keeps failing to push to sockets, and closes them. See docs/aws.md.`,
    ...own('labelcast_unreached_total', { function: name, stage, why: 'failed' }),
    Statistic: 'Sum',
    Period: 300,
    EvaluationPeriods: 3,
    DatapointsToAlarm: 2,
  });

const subscription = (address) => ({
  Type: 'AWS::SNS::Subscription',
  Properties: { TopicArn: { Ref: 'Alarms' }, Protocol: 'email', Endpoint: address },
});

function dashboard({ stage, rest }, functions, working, deadLetters) {
  const lambda = (metric) =>
    functions.map(({ id }) => ['AWS/Lambda', metric, 'FunctionName', `\${${id}}`]);
  const queue = (metric, ids) =>
    ids.map((id) => ['AWS/SQS', metric, 'QueueName', `\${${id}.QueueName}`]);
  const socket = (metric) => [
    'AWS/ApiGateway',
    metric,
    'ApiId',
    '${WebsocketsApi}',
    'Stage',
    stage,
  ];
  const table = (id, metric) => ['AWS/DynamoDB', metric, 'TableName', `\${${id}}`];
  const tables = ['LiveTable', 'ImagesTable', 'HistoryTable', 'ProgramsTable'];
  const charts = [
    // Labelcast's own metrics, whatever their dimensions: time from upload to push, deliveries, gone, throttled, exhausted.
    chart(
      'Labelcast',
      [
        [
          {
            expression: `SEARCH('Namespace="Labelcast" stage="${stage}"', 'Average', 60)`,
            id: 'own',
          },
        ],
      ],
      'Average',
    ),
    chart(
      'Sockets',
      ['ConnectCount', 'MessageCount', 'ClientError', 'ExecutionError', 'IntegrationError'].map(
        socket,
      ),
    ),
    chart('Dead letters', queue('ApproximateNumberOfMessagesVisible', deadLetters), 'Maximum'),
    chart(
      'Waiting jobs: age of the oldest, seconds',
      queue('ApproximateAgeOfOldestMessage', working),
      'Maximum',
    ),
    chart('Errors', lambda('Errors')),
    chart('Throttles', lambda('Throttles')),
    chart('Duration, 99th percentile', lambda('Duration'), 'p99'),
    chart('Invocations', lambda('Invocations')),
    chart(
      'Tables: units read',
      tables.map((id) => table(id, 'ConsumedReadCapacityUnits')),
    ),
    chart(
      'Tables: units written',
      tables.map((id) => table(id, 'ConsumedWriteCapacityUnits')),
    ),
    chart(
      'Tables: transactions that met each other',
      tables.map((id) => table(id, 'TransactionConflict')),
    ),
    chart(
      'REST',
      ['Count', '4XXError', '5XXError'].map((metric) => [
        'AWS/ApiGateway',
        metric,
        'ApiName',
        rest,
        'Stage',
        stage,
      ]),
    ),
  ];
  const widgets = charts.map((properties, number) => ({
    type: 'metric',
    width: 12,
    height: 6,
    x: (number % 2) * 12,
    y: Math.floor(number / 2) * 6,
    properties,
  }));
  return {
    Type: 'AWS::CloudWatch::Dashboard',
    Properties: {
      DashboardName: `labelcast-${stage}`,
      DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) },
    },
  };
}

function chart(title, metrics, stat = 'Sum') {
  return { title, metrics, stat, period: 60, region: '${AWS::Region}', view: 'timeSeries' };
}
