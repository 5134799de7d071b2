'use strict';

const ORIGIN = /^https?:\/\/[^/*\s]+$/;

// What follows from the setting `allowedOrigins`: the stack's own web app is on the API's own origin and needs no CORS there.
module.exports = async ({ resolveVariable }) => {
  const origins = await resolveVariable('self:custom.config.allowedOrigins');
  for (const origin of origins) {
    if (!ORIGIN.test(origin)) {
      throw new Error(
        `allowedOrigins: \`${origin}\` is no origin; write it out, without a path: https://photos.example.com`,
      );
    }
  }
  return {
    rest: origins.length > 0 && {
      origins,
      headers: ['Authorization', 'Content-Type', 'Idempotency-Key', 'X-Api-Key'],
      maxAge: 3600,
    },
    // The bucket is another origin for the stack's own web app too.
    bucket: [await resolveVariable('self:custom.target.page'), ...origins],
    list: origins.join(' '),
    // Where the sign-in may lead back to.
    pages: [
      { 'Fn::Join': ['', [await resolveVariable('self:custom.target.api'), '/web/']] },
      ...origins.map((origin) => `${origin}/`),
    ],
  };
};
