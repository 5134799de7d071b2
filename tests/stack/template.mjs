// What would be deployed, read for the tests.
import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

export const read = (path) => readFileSync(new URL(path, root), 'utf8');

/** The compiled template of a stage. */
export class Template {
  constructor(stage) {
    const template = JSON.parse(
      read(`target/stack/${stage}/cloudformation-template-update-stack.json`),
    );
    this.resources = template.Resources;
    this.outputs = template.Outputs;
  }

  /** All resources of a type, as [logical id, properties]. */
  all(type) {
    const entries = Object.entries(this.resources).filter(([, resource]) => resource.Type === type);
    return entries.map(([id, resource]) => [id, resource.Properties]);
  }

  /** Functions by the name that the bootstrap knows. */
  get functions() {
    return new Map(
      this.all('AWS::Lambda::Function').map(([id, properties]) => [
        properties.Handler,
        { id, ...properties },
      ]),
    );
  }

  /** What a function's role allows, one line an action: [action, resource as text]. */
  rights(name) {
    const role = this.resources[reference(this.functions.get(name).Role)].Properties;
    const statements = role.Policies.flatMap((policy) => policy.PolicyDocument.Statement);
    return statements.flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .flatMap((action) =>
          [Resource].flat().map((resource) => [action, JSON.stringify(resource)]),
        ),
    );
  }

  /** Whether a function may do something (of a service: `sqs:`) to a resource with this logical id (or any, without one). */
  may(name, action, id = '') {
    return this.rights(name).some(
      ([allowed, resource]) => allowed.startsWith(action) && resource.includes(id),
    );
  }
}

/** The logical id that `Ref` or `Fn::GetAtt` names. */
export const reference = (value) => value?.Ref ?? value?.['Fn::GetAtt']?.[0];
