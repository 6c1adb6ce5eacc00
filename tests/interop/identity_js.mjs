// amazon-cognito-identity-js against the pool: a person's whole life, by SRP.
import {
  AuthenticationDetails,
  CognitoUser,
  CognitoUserAttribute,
  CognitoUserPool,
} from 'amazon-cognito-identity-js'
import { advance, appCode, claims, codeFor, forgetMail, given, mail, refused, tell } from './pool_kit.mjs'

const kept = new Map()
const storage = {
  setItem: (key, value) => kept.set(key, value),
  getItem: (key) => kept.get(key) ?? null,
  removeItem: (key) => kept.delete(key),
  clear: () => kept.clear(),
}
const pool = new CognitoUserPool({
  UserPoolId: given.poolId,
  ClientId: given.clientId,
  endpoint: given.endpoint,
  Storage: storage,
})
const person = () => new CognitoUser({ Username: 'ada', Pool: pool, Storage: storage })
const call = (work) =>
  new Promise((resolve, reject) => work((error, found) => (error ? reject(error) : resolve(found))))

// Signs in; answers what the sign-in led to, with the user who holds its state.
function signIn(password, user = person()) {
  const details = new AuthenticationDetails({ Username: 'ada', Password: password })
  return new Promise((resolve, reject) =>
    user.authenticateUser(details, {
      onSuccess: (session, confirmNeeded) => resolve({ user, session, confirmNeeded }),
      onFailure: reject,
      totpRequired: (name) => resolve({ user, asked: name }),
      mfaSetup: (name) => resolve({ user, asked: name }),
    }),
  )
}

const found = {}
const email = new CognitoUserAttribute({ Name: 'email', Value: mail })
await call((done) => pool.signUp('ada', given.password, [email], null, done))
found.unconfirmed = await refused(() => signIn(given.password))
const code = await codeFor(mail)
await call((done) => person().confirmRegistration(code, true, done))
found.wrong = await refused(() => signIn('Wr0ng!pass'))

let { user, session } = await signIn(given.password)
found.id = claims(session.getIdToken().getJwtToken())
found.access = claims(session.getAccessToken().getJwtToken())
found.attributes = (await call((done) => user.getUserAttributes(done))).map((a) => a.getName())
const renewed = await call((done) => user.refreshSession(session.getRefreshToken(), done))
found.renewed = renewed.getAccessToken().getJwtToken() !== session.getAccessToken().getJwtToken()
found.changed = await call((done) => user.changePassword(given.password, given.newPassword, done))

const secret = await new Promise((resolve, reject) =>
  user.associateSoftwareToken({ associateSecretCode: resolve, onFailure: reject }),
)
const shown = await appCode(secret)
await new Promise((resolve, reject) =>
  user.verifySoftwareToken(shown, 'phone', { onSuccess: resolve, onFailure: reject }),
)
await call((done) =>
  user.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, done),
)
await advance(60)

const asked = await signIn(given.newPassword)
found.asked = asked.asked ?? null
if (found.asked !== null) {
  const answer = await appCode(secret)
  session = await new Promise((resolve, reject) =>
    asked.user.sendMFACode(answer, { onSuccess: resolve, onFailure: reject }, asked.asked),
  )
  user = asked.user
}
found.signedIn = session.isValid()

await forgetMail()
await new Promise((resolve, reject) =>
  person().forgotPassword({ onSuccess: resolve, onFailure: reject, inputVerificationCode: resolve }),
)
const reset = await codeFor(mail)
await new Promise((resolve, reject) =>
  person().confirmPassword(reset, given.password, { onSuccess: resolve, onFailure: reject }),
)
await new Promise((resolve, reject) => user.globalSignOut({ onSuccess: resolve, onFailure: reject }))
found.signedOut = await refused(() => call((done) => asked.user.getUserData(done, { bypassCache: true })))
tell(found)
