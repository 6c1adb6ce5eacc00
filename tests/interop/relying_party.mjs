// The certified relying party (npm openid-client) as a process.
//
// It writes {authorization_url}, reads the callback URL that a browser arrived at, does everything
// else that a relying party does, and writes one JSON object that says how each of it went.

import { lookup } from 'node:dns';
import { createInterface } from 'node:readline/promises';

import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as client from 'openid-client';
import { Agent, setGlobalDispatcher } from 'undici';

const settings = JSON.parse(process.env.INTEROP_CLIENT);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// Names below localhost are loopback, whatever the system's resolver thinks (RFC 6761 §6.3).
setGlobalDispatcher(new Agent({
  connect: {
    lookup: (host, options, done) => lookup(host.endsWith('.localhost') ? '127.0.0.1' : host, options, done),
  },
}));

async function attempt(act) {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    return { ok: false, error: error.error ?? error.code ?? String(error), status: error.status, detail: String(error.cause ?? error) };
  }
}

const authentication = {
  none: () => client.None(),
  client_secret_basic: () => client.ClientSecretBasic(settings.client_secret),
  client_secret_post: () => client.ClientSecretPost(settings.client_secret),
}[settings.method]();
const config = await client.discovery(new URL(settings.issuer), settings.client_id, {}, authentication);
// Over TLS it would believe ID tokens without a look at their signature; we want that looked at.
client.enableNonRepudiationChecks(config);
const metadata = config.serverMetadata();

const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
say({
  authorization_url: client.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirect_uri,
    scope: settings.scope,
    state,
    nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).href,
});

const lines = createInterface({ input: process.stdin });
const { value: callback } = await lines[Symbol.asyncIterator]().next();
const checks = { expectedState: state, expectedNonce: nonce, idTokenExpected: true };
const exchange = (pkceCodeVerifier) => client.authorizationCodeGrant(
  config, new URL(callback), { ...checks, pkceCodeVerifier },
);
const claimsOf = (tokens) => ({ expires_in: tokens.expiresIn(), id: tokens.claims(), refresh_token: Boolean(tokens.refresh_token) });
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
const userinfo = (tokens, sub) => client.fetchUserInfo(config, tokens.access_token, sub);

async function wholeLife() {
  const tokens = await exchange(verifier);
  const { sub } = tokens.claims();
  const found = { metadata, granted: claimsOf(tokens) };
  const access = await jwtVerify(tokens.access_token, keys, { issuer: settings.issuer });
  found.access = { header: access.protectedHeader, claims: access.payload };
  found.id_header = (await jwtVerify(tokens.id_token, keys, { issuer: settings.issuer, audience: settings.client_id })).protectedHeader;
  found.userinfo = await userinfo(tokens, sub);
  const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
  found.refreshed = claimsOf(refreshed);
  found.refreshed_userinfo = await userinfo(refreshed, sub);
  found.end_session_url = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: settings.post_logout_redirect_uri, state: 'left',
  }).href;
  await client.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
  found.refresh_after_revocation = await attempt(() => client.refreshTokenGrant(config, tokens.refresh_token));
  found.userinfo_after_revocation = await attempt(() => userinfo(refreshed, sub));
  return found;
}

async function codeTwice() {
  const tokens = await exchange(verifier);
  const { sub } = tokens.claims();
  return {
    second: await attempt(() => exchange(verifier)),
    refresh_after: await attempt(() => client.refreshTokenGrant(config, tokens.refresh_token)),
    userinfo_after: await attempt(() => userinfo(tokens, sub)),
  };
}

async function wrongVerifier() {
  return { exchanged: await attempt(() => exchange(client.randomPKCECodeVerifier())) };
}

say(await attempt({ whole_life: wholeLife, code_twice: codeTwice, wrong_verifier: wrongVerifier }[settings.walk]));
process.exit(0);
