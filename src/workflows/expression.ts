export function parseExpression(text: string): { type: "ok"; expression: string } | { type: "invalid" } {
  return { type: "ok", expression: text };
}
export function evaluate(_e: string, _v: Readonly<Record<string, unknown>>): boolean {
  return true;
}
