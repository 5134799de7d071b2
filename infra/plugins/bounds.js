'use strict';

// What AWS takes, or the functions do: what is outside is said here, and not by a deployment that fails half-way.
const BOUNDS = {
  // An event source mapping's own.
  analysesAtOnce: [2, 1000],
  deliveriesAtOnce: [2, 1000],
  maxReceiveCount: [1, 1000],
  // Cognito's are 5 minutes and a day; nobody should be signed in for longer than an hour after they were removed.
  tokenMinutes: [5, 60],
  // One notification to everybody at that rate.
  postsPerSecond: [1, 1_000_000],
  receiversAtOnce: [1, 20_000],
  watermarkSeconds: [60, 86_400],
  restRequestsPerSecond: [1, 1_000_000],
  restBurst: [1, 1_000_000],
  liveMessagesPerSecond: [1, 1_000_000],
  liveBurst: [1, 1_000_000],
  alarmWaitingSeconds: [1, 86_400],
  alarmUploadToPushSeconds: [1, 86_400],
  historyHours: [1, 8_760],
  unusedTopicDays: [1, 3_650],
  newDays: [1, 3_650],
  rejectedDays: [1, 3_650],
};
const CHOICES = {
  userPoolTier: ['LITE', 'ESSENTIALS', 'PLUS'],
  userNamesIgnoreCase: [true, false],
  accessLogs: [true, false],
};

module.exports = class Bounds {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = {
      'before:package:initialize': () => this.check(),
      'before:preflight:check': () => this.check(),
    };
  }

  check() {
    const wrong = outside(this.serverless.service.custom.config);
    if (wrong.length > 0) throw new Error(`settings: ${wrong.join('; ')}`);
  }
};

/** What is wrong with settings, a clause each. */
function outside(config) {
  const numbers = Object.entries(BOUNDS)
    .filter(
      ([name, [least, most]]) =>
        !(Number.isInteger(config[name]) && config[name] >= least && config[name] <= most),
    )
    .map(
      ([name, [least, most]]) =>
        `${name} is \`${config[name]}\`, and must be a whole number from ${least} to ${most}`,
    );
  const choices = Object.entries(CHOICES)
    .filter(([name, known]) => !known.includes(config[name]))
    .map(
      ([name, known]) => `${name} is \`${config[name]}\`, and must be one of ${known.join(', ')}`,
    );
  return [...numbers, ...choices];
}

module.exports.outside = outside;
