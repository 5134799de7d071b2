// Makes somebody a moderator of a deployed stack: `moderator.mjs STAGE EMAIL`. Who is no user yet becomes one, and gets a first
// password by e-mail. Region and credentials come from the environment, as for the AWS command line.
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  AdminAddUserToGroupCommand,
  AdminCreateUserCommand,
  AdminGetUserCommand,
  CognitoIdentityProviderClient,
  UserNotFoundException,
} from '@aws-sdk/client-cognito-identity-provider';

const cognito = new CognitoIdentityProviderClient();
const [stage, given] = process.argv.slice(2);
// Lower case: in a pool where case matters, everybody is asked to sign in so.
const email = given?.toLowerCase();

async function userPool() {
  const described = new DescribeStacksCommand({ StackName: `labelcast-${stage}` });
  const { Stacks } = await new CloudFormationClient().send(described);
  return Stacks[0].Outputs.find(({ OutputKey }) => OutputKey === 'UserPoolId').OutputValue;
}

async function isUser(UserPoolId) {
  try {
    await cognito.send(new AdminGetUserCommand({ UserPoolId, Username: email }));
    return true;
  } catch (error) {
    if (error instanceof UserNotFoundException) return false;
    throw error;
  }
}

async function create(UserPoolId) {
  const attributes = { email, email_verified: 'true' };
  await cognito.send(
    new AdminCreateUserCommand({
      UserPoolId,
      Username: email,
      UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
      // Left out, Cognito takes it for SMS.
      DesiredDeliveryMediums: ['EMAIL'],
    }),
  );
}

if (stage === undefined || !email?.includes('@')) {
  console.error('usage: moderator.mjs STAGE EMAIL, or `make moderator EMAIL=ada@example.com`');
  process.exit(2);
}
const pool = await userPool();
const known = await isUser(pool);
if (!known) await create(pool);
await cognito.send(
  new AdminAddUserToGroupCommand({ UserPoolId: pool, Username: email, GroupName: 'moderators' }),
);
console.log(
  known
    ? `${email} is a moderator from the next sign-in on`
    : `${email} is a moderator, and gets a first password by e-mail`,
);
