// Removes secrets from text on its way out: every secret value Baton holds, in the encodings that occur, and known token shapes.
// Exact values are matched as windows, so a secret inside a longer word is found too.

export type Redact = (text: string) => string;

const MINIMUM_LENGTH = 12;

/** Token shapes that are secrets whoever holds them: GitHub, Anthropic, AWS, npm, Slack, and PEM private keys. */
const shapes = [
  /\bgh[pousr]_[A-Za-z0-9]{20,255}\b/g,
  /\bgithub_pat_[A-Za-z0-9_]{22,255}\b/g,
  /\bsk-ant-[A-Za-z0-9_-]{16,255}/g,
  /\bAKIA[0-9A-Z]{16}\b/g,
  /\bnpm_[A-Za-z0-9]{36}\b/g,
  /\bxox[abprs]-[A-Za-z0-9-]{10,255}/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,20000}?-----END [A-Z ]{0,40}PRIVATE KEY-----/g,
];

/** Builds a redactor for `secrets`; values under 12 characters are ignored because they would blank ordinary words. */
export function createRedact(secrets: readonly (string | undefined)[]): Redact {
  const windows = [
    ...new Set(secrets.flatMap((secret) => (secret && secret.length >= MINIMUM_LENGTH ? encodings(secret) : []))),
  ]
    .filter((window) => window.length >= MINIMUM_LENGTH)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const window of windows) clean = clean.replaceAll(window, "[redacted]");
    for (const shape of shapes) clean = clean.replace(shape, "[redacted]");
    return clean;
  };
}

function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  // Base64 of a secret inside longer text depends on its offset; the characters that all bits of the secret decide are matched.
  const base64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/, "");
    const window = text.slice(offset === 0 ? 0 : offset + 1, -1);
    return [window, window.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [
    secret,
    ...base64,
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    encodeURIComponent(secret),
    Array.from(secret).reverse().join(""),
    JSON.stringify(secret).slice(1, -1),
  ];
}
