'use strict';

// Two things that the framework leaves undone.
module.exports = class Deployment {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:aws:package:finalize:saveServiceState': () => this.finish() };
  }

  finish() {
    const { Resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    // A deployment is a snapshot of the API: what is made after it does not count until the next one.
    const responses = named(Resources, 'AWS::ApiGateway::GatewayResponse');
    for (const id of named(Resources, 'AWS::ApiGateway::Deployment')) {
      Resources[id].DependsOn = [Resources[id].DependsOn ?? [], responses].flat();
    }
    // The role that functions would share has the rights of all of them; each has its own.
    const shared = this.serverless.getProvider('aws').naming.getRoleLogicalId();
    const { [shared]: _, ...others } = Resources;
    if (!JSON.stringify(others).includes(`"${shared}"`)) delete Resources[shared];
  }
};

function named(resources, type) {
  return Object.keys(resources).filter((id) => resources[id].Type === type);
}
