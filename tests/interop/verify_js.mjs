// aws-jwt-verify: what it says of tokens, with the pool's keys handed to it.
import { CognitoJwtVerifier, JwtVerifier } from 'aws-jwt-verify'
import { given, refused, tell } from './pool_kit.mjs'

const keys = await (await fetch(`${given.endpoint}/${given.poolId}/.well-known/jwks.json`)).json()

function verifier(tokenUse, clientId = given.clientId) {
  if (given.awsNames) {
    const made = CognitoJwtVerifier.create({ userPoolId: given.poolId, tokenUse, clientId })
    made.cacheJwks(keys)
    return made
  }
  const made = JwtVerifier.create({
    issuer: given.issuer,
    audience: tokenUse === 'id' ? clientId : null,
    jwksUri: 'https://keys.localhost/never-asked',
  })
  made.cacheJwks(keys)
  return made
}

const found = {
  id: await verifier('id').verify(given.idToken),
  access: await verifier('access').verify(given.accessToken),
  another: await refused(() => verifier('id', 'somebody-else').verify(given.idToken)),
  changed: await refused(() => {
    const [head, body, signature] = given.idToken.split('.')
    const other = (signature[9] === 'A' ? 'B' : 'A') + signature.slice(10)
    return verifier('id').verify(`${head}.${body}.${signature.slice(0, 9)}${other}`)
  }),
}
if (given.awsNames) found.swapped = await refused(() => verifier('id').verify(given.accessToken))
tell(found)
