// A certified OpenID provider (oidc-provider) that the tests run, over TLS on loopback.
// Settings come from the JSON file argv[2]. A line of JSON on standard input says how its next
// answers are to be changed; "ok" tells that it is so.
import { createHmac, createPrivateKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import Provider from './node_modules/oidc-provider/lib/index.js';

// Standard output is for the tests alone.
console.log = console.error;
console.info = console.error;
console.warn = console.error;

const settings = JSON.parse(readFileSync(process.argv[2], 'utf-8'));
let change = {};
const asked = [];

const provider = new Provider(settings.issuer, {
  clients: settings.clients,
  jwks: { keys: settings.keys },
  cookies: { keys: ['a key of the tests'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  acrValues: ['phr'],
  claims: {
    openid: ['sub'], acr: null, amr: null, auth_time: null, iss: null, sid: null,
    email: ['email', 'email_verified'], profile: ['preferred_username'], groups: ['groups'],
  },
  scopes: ['openid', 'email', 'profile', 'groups'],
  interactions: { url: (ctx, interaction) => `/login/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...settings.accounts[id] }),
  }),
  loadExistingGrant: async (ctx) => {
    const { Grant } = ctx.oidc.provider;
    const grant = new Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid email profile groups');
    await grant.save();
    return grant;
  },
});

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url'));
const HASHES = { RS256: 'sha256', RS384: 'sha384', RS512: 'sha512' };

// Signs anew, as told: header and claims replaced, with which key and how.
const resigned = (token, told) => {
  const parts = token.split('.');
  const header = { ...decoded(parts[0]), ...told.header };
  const claims = { ...decoded(parts[1]), ...told.claims };
  for (const name of told.without || []) delete claims[name];
  for (const [name, by] of Object.entries(told.later || {})) claims[name] += by;
  const text = `${encoded(header)}.${told.payload || encoded(claims)}`;
  if (told.signature === 'none') return `${text}.`;
  if (told.signature === 'hmac') {
    return `${text}.${createHmac('sha256', told.secret).update(text).digest('base64url')}`;
  }
  if (told.signature === 'same') return `${text}.${parts[2]}`;
  const key = createPrivateKey({ key: told.key || settings.keys[0], format: 'jwk' });
  return `${text}.${sign(HASHES[header.alg] || 'sha256', Buffer.from(text), key).toString('base64url')}`;
};

provider.use(async (ctx, next) => {
  asked.push(`${ctx.method} ${ctx.path}`);
  const told = change[ctx.path];
  if (told && told.instead) {
    ctx.body = told.instead.bytes ? 'x'.repeat(told.instead.bytes) : told.instead.body || '';
    ctx.status = told.instead.status || 200;
    for (const [name, value] of Object.entries(told.instead.headers || {})) ctx.set(name, value);
    return;
  }
  if (told && told.hangs) {
    await new Promise((resolve) => { ctx.req.on('close', resolve); ctx.res.on('close', resolve); });
    return;
  }
  const login = ctx.path.match(/^\/login\/([A-Za-z0-9_-]+)$/);
  if (login && ctx.method === 'GET') {
    const { prompt } = await provider.interactionDetails(ctx.req, ctx.res);
    ctx.type = 'html';
    ctx.body = `<!doctype html><html lang="en"><title>Provider</title><h1>Example login</h1>
      <form method="post"><p data-prompt="${prompt.name}"><label>Name <input id="user" name="user"></label>
      <label>Password <input id="pass" name="pass" type="password"></label>
      <p><button id="go">Log in</button></form>`;
    return;
  }
  if (login) {
    const pieces = [];
    for await (const piece of ctx.req) pieces.push(piece);
    const form = new URLSearchParams(Buffer.concat(pieces).toString());
    const account = settings.accounts[form.get('user')];
    const right = account && form.get('pass') === settings.password;
    const result = right
      ? { login: { accountId: form.get('user'), acr: account.acr, amr: account.amr } }
      : { error: 'access_denied' };
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
    ctx.respond = false;
    return;
  }
  await next();
  if (!told || typeof ctx.body !== 'object' || ctx.body === null) return;
  if (told.json) ctx.body = { ...ctx.body, ...told.json };
  for (const name of told.without || []) ctx.body = { ...ctx.body, [name]: undefined };
  if (told.token && ctx.body.id_token) {
    ctx.body = { ...ctx.body, id_token: resigned(ctx.body.id_token, told.token) };
  }
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line);
  if (told.change) change = told.change;
  process.stdout.write(`${JSON.stringify({ asked: asked.splice(0) })}\n`);
}).on('close', () => process.exit(0));

createServer(
  { cert: readFileSync(settings.chain), key: readFileSync(settings.key) },
  provider.callback(),
).listen(settings.port, '127.0.0.1', () => process.stdout.write('ready\n'));
