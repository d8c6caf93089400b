/** The tip on `cents` at so many percent, rounded to the nearest cent. */
export function tip(cents, percent) {
  if (percent < 0) throw new RangeError(`a tip cannot be negative: ${percent} %`);
  return Math.round((cents * percent) / 100);
}
