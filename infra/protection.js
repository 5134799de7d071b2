'use strict';

// What follows from the settings that keep data from being deleted, and from what a user pool cannot change later.
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const config = (name) => resolveVariable(`self:custom.config.${name}`);
  const deletionProtection = await onOrOff(
    'deletionProtection',
    await config('deletionProtection'),
    stage,
  );
  return {
    tables: deletionProtection,
    users: deletionProtection ? 'ACTIVE' : 'INACTIVE',
    restorable: await onOrOff('pointInTimeRecovery', await config('pointInTimeRecovery'), stage),
    // Left out where it is off: CloudFormation would replace a pool that was made without it.
    userNames: (await config('userNamesIgnoreCase')) === true ? { CaseSensitive: false } : null,
  };
};

async function onOrOff(name, value, stage) {
  if (value === 'prod') return stage === 'prod';
  if (typeof value === 'boolean') return value;
  throw new Error(
    `${name}: \`${value}\` is none of true, false and prod (on for a stage of that name)`,
  );
}
