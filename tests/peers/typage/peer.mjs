// Seals or opens standard input with typage, for the tests.
//   node peer.mjs seal RECIPIENT... | open IDENTITY... | keygen
//   SEAL_PASSPHRASE in the environment: a passphrase instead of keys.
import { readFileSync, writeSync } from "node:fs"
import * as age from "age-encryption"

const [verb, ...keys] = process.argv.slice(2)
const passphrase = process.env.SEAL_PASSPHRASE

async function main() {
  if (verb === "keygen") {
    const identity = await age.generateHybridIdentity()
    return Buffer.from(identity + "\n" + (await age.identityToRecipient(identity)) + "\n")
  }
  const data = new Uint8Array(readFileSync(0))
  if (verb === "seal") {
    const encrypter = new age.Encrypter()
    if (passphrase) {
      encrypter.setScryptWorkFactor(10)
      encrypter.setPassphrase(passphrase)
    }
    keys.forEach((key) => encrypter.addRecipient(key))
    return await encrypter.encrypt(data)
  }
  const decrypter = new age.Decrypter()
  if (passphrase) decrypter.addPassphrase(passphrase)
  keys.forEach((key) => decrypter.addIdentity(key))
  return await decrypter.decrypt(data)
}

const result = await main()
for (let at = 0; at < result.length; ) at += writeSync(1, result, at)
