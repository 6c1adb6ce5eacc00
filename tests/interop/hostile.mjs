// A provider that breaks its tokens on purpose (npm oauth2-mock-server), as a process like the
// certified one: JSON lines out, and it ends when its standard input does.
//
// What it does wrong is the client's id: so one provider can be wrong in every way at once, and a
// failing test says which. For `honest` it does nothing wrong.

import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { OAuth2Server } from 'oauth2-mock-server';

const settings = JSON.parse(process.env.INTEROP_PROVIDER);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url'));

const server = new OAuth2Server(settings.key, settings.cert);
const key = await server.issuer.keys.generate('RS256');
await server.start(settings.port, '127.0.0.1');
server.issuer.url = `https://${settings.host}:${server.address().port}`;
const foreign = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

// Signed properly, but saying what is not so.
const claims = {
  'wrong-audience': (claim) => { claim.aud = 'somebody-else'; },
  'wrong-issuer': (claim) => { claim.iss = 'https://evil.localhost'; },
  expired: (claim) => { claim.exp = claim.iat - 60; claim.iat -= 3600; },
  'wrong-nonce': (claim) => { claim.nonce = 'of-another-flow'; },
};

// Saying what is so, but not signed by this provider.
const signatures = {
  unsigned: (head, payload) => `${encode({ ...decode(head), alg: 'none' })}.${payload}.`,
  changed: (head, payload, signature) => `${head}.${encode({ ...decode(payload), sub: 'root' })}.${signature}`,
  'foreign-key': (head, payload) => `${head}.${payload}.${sign('sha256', `${head}.${payload}`, foreign).toString('base64url')}`,
  'hmac-with-public-key': (head, payload) => {
    const { kty, n, e } = key;
    const secret = createPublicKey({ key: { kty, n, e }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const input = `${encode({ ...decode(head), alg: 'HS256' })}.${payload}`;
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
  },
};

server.service.on('beforeTokenSigning', (token, request) => {
  if ('nonce' in token.payload) claims[request.body.client_id]?.(token.payload);
});
server.service.on('beforeResponse', (reply, request) => {
  const client = request.body.client_id;
  const forged = signatures[client]?.(...reply.body.id_token.split('.')) ?? reply.body.id_token;
  reply.body.id_token = forged;
  say({ event: 'grant.success', client });
});

say({ event: 'ready', issuer: server.issuer.url });
process.stdin.on('end', () => process.exit(0)).resume();
