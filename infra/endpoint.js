'use strict';

// The addresses of the emulator that AWS_ENDPOINT_URL names; for the stage `emulator` only.
module.exports = () => {
  const endpoint = process.env.AWS_ENDPOINT_URL ?? '';
  return { endpoint, liveEndpoint: endpoint.replace(/^http/, 'ws') };
};
