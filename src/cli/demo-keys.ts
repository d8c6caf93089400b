// A key pair for the demo's GitHub App, made anew each time.
import { generateKeyPairSync } from "node:crypto";

/** An RSA pair in PEM; takes a fraction of a second. */
export function createKeys(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
}
