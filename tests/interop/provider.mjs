// The certified provider (npm oidc-provider) as a process: it writes one JSON object a line, first
// where it is, then what happens to it. It ends when its standard input does.
//
// Its pages (sign in, consent, sign out) are its own development pages: forms, filled in by a Person.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { lookup } from 'node:dns';
import { createServer } from 'node:https';

import { Provider } from 'oidc-provider';
import { Agent, fetch } from 'undici';

const settings = JSON.parse(process.env.INTEROP_PROVIDER);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function signingKey(alg, kind, options) {
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), alg, use: 'sig' };
}

// The keys stay the same when it is started again, until somebody removes the file.
function signingKeys() {
  if (!existsSync(settings.keys)) {
    writeFileSync(settings.keys, JSON.stringify([
      signingKey('RS256', 'rsa', { modulusLength: 2048 }),
      signingKey('PS256', 'rsa', { modulusLength: 2048 }),
      signingKey('ES256', 'ec', { namedCurve: 'P-256' }),
    ]), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(settings.keys));
}

// It tells the gateway of logouts. Names below localhost are loopback, whatever the system's
// resolver thinks (RFC 6761 §6.3); what keeps the provider itself away from loopback is replaced.
const dispatcher = new Agent({
  connect: {
    lookup: (host, options, done) => lookup(host.endsWith('.localhost') ? '127.0.0.1' : host, options, done),
  },
});

const configuration = {
  fetch: (url, options) => fetch(url, { ...options, headers: Object.fromEntries(options.headers), dispatcher }),
  clients: settings.clients,
  clientDefaults: { grant_types: ['authorization_code', 'refresh_token'] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  jwks: { keys: signingKeys() },
  scopes: ['openid', 'email', 'profile'],
  claims: { openid: ['sub'], email: ['email'], profile: ['given_name', 'name'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id, email: `${id}@example.com`, given_name: 'Ada', name: 'Ada Lovelace, Gräfin',
    }),
  }),
  pkce: { required: () => true },
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: (ctx, token, client) => settings.ttl[client.clientId] ?? 3600,
    ClientCredentials: 3600,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: {
    backchannelLogout: { enabled: true },
    introspection: { enabled: true },
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource, client) => ({
        scope: 'read',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: settings.ttl[client.clientId] ?? 3600,
        jwt: { sign: { alg: client.idTokenSignedResponseAlg ?? 'RS256' } },
      }),
    },
  },
};

function report(provider) {
  const told = (event, ctx, more = {}) => say({
    event, client: ctx.oidc?.client?.clientId, grant: ctx.oidc?.params?.grant_type, ...more,
  });
  for (const event of ['grant.success', 'grant.revoked', 'end_session.success']) {
    provider.on(event, (ctx) => told(event, ctx));
  }
  provider.on('backchannel.success', (ctx, client) => say({ event: 'backchannel.success', client: client.clientId }));
  provider.on('backchannel.error', (ctx, error, client) => say({ event: 'backchannel.error', client: client.clientId, error: `${error}: ${error.cause ?? ''}` }));
  for (const event of ['grant.error', 'authorization.error', 'end_session.error', 'revocation.error', 'server_error']) {
    provider.on(event, (ctx, error) => told(event, ctx, { error: `${error.error ?? error}: ${error.error_detail ?? error.error_description}` }));
  }
}

const server = createServer({ cert: readFileSync(settings.cert), key: readFileSync(settings.key) });
server.listen(settings.port, '127.0.0.1', () => {
  const issuer = `https://${settings.host}:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  report(provider);
  server.on('request', provider.callback());
  say({ event: 'ready', issuer });
});
process.stdin.on('end', () => process.exit(0)).resume();
