// Verifies or signs an answer with http-message-sig, for the tests.
//   node peer.mjs verify | sign     a JSON document on standard input, one on standard output
import { createHash, webcrypto } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSignature, verifySignature, webcrypto as keys } from "http-message-sig"

const told = JSON.parse(readFileSync(0, "utf-8"))
const body = Buffer.from(told.body, "base64")
const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`
const request = { kind: "request", method: told.method, targetUri: told.url, fields: told.asked }
const message = { kind: "response", status: told.status, fields: told.fields, request }
const ofRequest = ["@method", "@authority", "@path", "@query"].map((name) => ({
  name,
  parameters: { req: true },
}))

async function verify() {
  const verified = await verifySignature(message, {
    policy: {
      algorithms: ["ed25519"],
      requiredComponents: ["@status", "content-digest", "content-type", ...ofRequest],
      requiredParameters: ["created", "expires", "keyid", "tag"],
      clockSkew: 60,
    },
    resolveVerifier: async ({ parameters }) => {
      const jwk = told.keys.find((key) => key.kid === parameters.keyid)
      return keys.verifier(await webcrypto.subtle.importKey("jwk", jwk, "Ed25519", true, ["verify"]))
    },
  })
  const field = told.fields.find(({ name }) => name.toLowerCase() === "content-digest")
  if (field.value !== digest) throw new Error("the digest is not that of the body")
  return { keyid: verified.parameters.keyid, tag: verified.parameters.tag }
}

async function sign() {
  message.fields = [...told.fields, { name: "content-digest", value: digest }]
  const key = await webcrypto.subtle.importKey("jwk", told.key, "Ed25519", false, ["sign"])
  const made = await createSignature(message, {
    components: ["@status", ...message.fields.map(({ name }) => name.toLowerCase()), ...ofRequest],
    parameters: told.parameters,
    signer: keys.signer(key),
  })
  return {
    fields: [
      ...message.fields,
      { name: "signature-input", value: made.signatureInput },
      { name: "signature", value: made.signature },
    ],
  }
}

process.stdout.write(JSON.stringify(await (process.argv[2] === "sign" ? sign() : verify())))
