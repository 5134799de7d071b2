'use strict';

// Bounds of the settings in infra/config.yml, checked before packaging so that no deployment fails half-way.

// Settings that the functions read, with the bounds of functions/src/settings/table.rs; `cargo test --workspace --test settings` compares them.
const FUNCTION_BOUNDS = {
  maxUploadBytes: [1, 15_728_640],
  uploadsPerHour: [1, 1_000_000_000],
  minConfidence: [0, 100],
  maxLabels: [1, 50],
  maxReceiveCount: [1, 100],
  connectionsPerUser: [1, 1_000_000],
  topicsPerConnection: [1, 200],
  messagesPerSecond: [1, 100_000],
  replayLimit: [0, 100_000],
  postsPerSecond: [1, 1_000_000],
  receiversAtOnce: [1, 20_000],
  watermarkSeconds: [1, 86_400],
  historyHours: [1, 87_600],
  historyEntries: [0, 1_000_000_000],
  unusedTopicDays: [1, 3_650],
  newDays: [1, 3_650],
  rejectedDays: [1, 3_650],
};
// Settings that only AWS's own resources read.
const STACK_BOUNDS = {
  // An event source mapping's own.
  analysesAtOnce: [2, 1000],
  deliveriesAtOnce: [2, 1000],
  // Cognito's are 5 minutes and a day; nobody should be signed in for longer than an hour after they were removed.
  tokenMinutes: [5, 60],
  restRequestsPerSecond: [1, 1_000_000],
  restBurst: [1, 1_000_000],
  liveMessagesPerSecond: [1, 1_000_000],
  liveBurst: [1, 1_000_000],
  alarmWaitingSeconds: [1, 86_400],
  alarmUploadToPushSeconds: [1, 86_400],
};
// Percentages may have two digits after the point; everything else is a whole number.
const FRACTIONS = ['minConfidence'];
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
  const numbers = Object.entries({ ...FUNCTION_BOUNDS, ...STACK_BOUNDS }).flatMap(
    ([name, [least, most]]) => {
      const value = config[name];
      const whole = !FRACTIONS.includes(name);
      if (
        typeof value === 'number' &&
        (!whole || Number.isInteger(value)) &&
        value >= least &&
        value <= most
      )
        return [];
      return [
        `${name} is \`${value}\`, and must be a ${whole ? 'whole number' : 'number'} from ${least} to ${most}`,
      ];
    },
  );
  const choices = Object.entries(CHOICES)
    .filter(([name, known]) => !known.includes(config[name]))
    .map(
      ([name, known]) => `${name} is \`${config[name]}\`, and must be one of ${known.join(', ')}`,
    );
  return [...numbers, ...choices];
}

module.exports.outside = outside;
