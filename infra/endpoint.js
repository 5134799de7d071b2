'use strict';

// The addresses of the emulator that AWS_ENDPOINT_URL names; for the stage `emulator` only. What functions call, and what they
// sign for others, may have an address of its own, so that somebody can look on.
module.exports = () => {
  const endpoint = process.env.AWS_ENDPOINT_URL ?? '';
  const seenEndpoint = process.env.LABELCAST_RECORDER ?? endpoint;
  // The same machine by another name: for a browser another origin, as on AWS.
  const otherOrigin = (address) => address.replace('127.0.0.1', 'localhost');
  return {
    endpoint,
    liveEndpoint: endpoint.replace(/^http/, 'ws'),
    seenEndpoint,
    objectsOrigin: otherOrigin(seenEndpoint),
    signInOrigin: otherOrigin(endpoint),
  };
};
