'use strict';

// What follows from the setting `allowedOrigins`: the page of the stack is on the API's own origin and needs no CORS there.
module.exports = async ({ resolveVariable }) => {
  const origins = await resolveVariable('self:custom.config.allowedOrigins');
  return {
    rest: origins.length > 0 && {
      origins,
      headers: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Api-Key'],
      maxAge: 3600,
    },
    // The bucket is another origin for the page of the stack too.
    bucket: [await resolveVariable('self:custom.target.page'), ...origins],
    list: origins.join(' '),
  };
};
