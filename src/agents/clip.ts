// Shortens text for records and prompts, and makes it fit for a database: whole characters only, no NUL.

/** At most `max` UTF-16 units of `text`: its head and its tail with a mark between them. Safe to store and to send. */
export function clip(text: string, max: number): string {
  const clean = text.replaceAll("\0", "\uFFFD").toWellFormed();
  if (clean.length <= max) return clean;
  const mark = `\n[… ${clean.length - max} characters left out …]\n`;
  const room = Math.max(0, max - mark.length);
  const head = Math.ceil(room * 0.6);
  const tail = clean.slice(clean.length - (room - head));
  // A cut may fall inside a surrogate pair.
  return `${clean.slice(0, head)}${mark}${tail}`.toWellFormed().slice(0, max);
}
