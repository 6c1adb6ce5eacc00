// The AWS SDK for JavaScript, version 3, against the pool.
import * as sdk from '@aws-sdk/client-cognito-identity-provider'
import { claims, codeFor, given, mail, refused, tell } from './pool_kit.mjs'

const client = new sdk.CognitoIdentityProviderClient({
  region: given.region,
  endpoint: given.endpoint,
  credentials: { accessKeyId: 'any', secretAccessKey: 'thing' },
})
const send = (name, members) => client.send(new sdk[`${name}Command`](members))
const app = { ClientId: given.clientId }
const found = {}

await send('SignUp', {
  ...app,
  Username: 'ada',
  Password: given.password,
  UserAttributes: [{ Name: 'email', Value: mail }],
})
const ConfirmationCode = await codeFor(mail)
await send('ConfirmSignUp', { ...app, Username: 'ada', ConfirmationCode })
const signedIn = await send('InitiateAuth', {
  ...app,
  AuthFlow: 'USER_PASSWORD_AUTH',
  AuthParameters: { USERNAME: 'ada', PASSWORD: given.password },
})
const tokens = signedIn.AuthenticationResult
found.id = claims(tokens.IdToken)
found.user = (await send('GetUser', { AccessToken: tokens.AccessToken })).Username
const described = await send('DescribeUserPool', { UserPoolId: given.poolId })
found.created = described.UserPool.CreationDate instanceof Date
const names = []
for await (const page of sdk.paginateListUserPools({ client }, { MaxResults: 1 })) {
  names.push(...page.UserPools.map((pool) => pool.Id))
}
found.listed = names.includes(given.poolId)
found.refused = await refused(() =>
  send('AdminGetUser', { UserPoolId: given.poolId, Username: 'nobody' }),
)
found.invalid = await refused(() => send('ListUserPools', { MaxResults: 61 }))
await send('RevokeToken', { ...app, Token: tokens.RefreshToken })
found.revoked = await refused(() => send('GetUser', { AccessToken: tokens.AccessToken }))
tell(found)
