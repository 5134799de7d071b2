'use strict';

// A cursor passes a notification that nobody has finished within `watermarkSeconds`. Until then everybody who may still push it
// must have finished, or have exhausted its attempts and closed the receivers: what can delay that is added up here, from what is deployed.
module.exports = class Delays {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:aws:package:finalize:saveServiceState': () => this.check() };
  }

  check() {
    const { service } = this.serverless;
    const { Resources } = service.provider.compiledCloudFormationTemplate;
    const { config } = service.custom;
    const time = (name) => Resources[`${name}LambdaFunction`].Properties.Timeout;
    const retries = (queue) => {
      const { VisibilityTimeout, RedrivePolicy } = Resources[queue].Properties;
      return (Number(RedrivePolicy.maxReceiveCount) - 1) * Number(VisibilityTimeout);
    };
    const ways = {
      '`notify` and, once exhausted, `failed`': {
        'the age at which Lambda discards the event':
          Resources.NotifyLambdaEvConf.Properties.MaximumEventAgeInSeconds,
        'the time of `notify`': time('Notify'),
        'the attempts of `failed` before its last (maxReceiveCount)': retries('FailuresQueue'),
        'the time of `failed`': time('Failed'),
      },
      'the queue and `deliver`': {
        'waiting, at which an alarm goes off (alarmWaitingSeconds)': Number(
          config.alarmWaitingSeconds,
        ),
        'the attempts of `deliver` before its last (maxReceiveCount)': retries('DeliveryQueue'),
        'the time of `deliver`': time('Deliver'),
      },
    };
    for (const [way, parts] of Object.entries(ways)) {
      const sum = Object.values(parts).reduce((all, one) => all + one, 0);
      if (!(sum < config.watermarkSeconds)) {
        const listed = Object.entries(parts).map(([part, seconds]) => `  ${seconds} s: ${part}`);
        throw new Error(
          `watermarkSeconds: cursors would pass a notification after ${config.watermarkSeconds} s, but ${way} may take ${sum} s:\n` +
            `${listed.join('\n')}\nRaise watermarkSeconds, or lower maxReceiveCount.`,
        );
      }
    }
  }
};
