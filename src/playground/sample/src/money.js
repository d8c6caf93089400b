/** Reads "$12.50", "12.5" or "12" as cents. */
export function parse(text) {
  const amount = Number.parseFloat(text.trim().replace("$", ""));
  if (Number.isNaN(amount)) throw new RangeError(`not an amount of money: ${text}`);
  return Math.round(amount * 100);
}

/** Writes cents as "$12.50"; negative amounts as "-$12.50". */
export function format(cents) {
  const sign = cents < 0 ? "-" : "";
  const absolute = Math.abs(cents);
  return `${sign}$${Math.floor(absolute / 100)}.${String(absolute % 100).padStart(2, "0")}`;
}
