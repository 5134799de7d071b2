'use strict';

// The addresses of the emulator that AWS_ENDPOINT_URL names; for the stage `emulator` only.
module.exports = () => {
  const endpoint = process.env.AWS_ENDPOINT_URL ?? '';
  return {
    endpoint,
    liveEndpoint: endpoint.replace(/^http/, 'ws'),
    // The same machine by another name: for a browser another origin, as on AWS.
    otherOrigin: endpoint.replace('127.0.0.1', 'localhost'),
  };
};
