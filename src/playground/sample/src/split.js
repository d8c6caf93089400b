/** Shares of `total` cents for so many people, as even as cents allow. */
export function splitEvenly(total, people) {
  if (!Number.isInteger(people) || people < 1) throw new RangeError(`cannot split between ${people} people`);
  return Array.from({ length: people }, () => Math.floor(total / people));
}

/** Shares of `total` cents in proportion to `weights`; they add up to `total`. */
export function splitByShares(total, weights) {
  const sum = weights.reduce((a, b) => a + b, 0);
  if (sum <= 0) throw new RangeError("weights must add up to more than zero");
  const shares = weights.map((weight) => Math.floor((total * weight) / sum));
  let rest = total - shares.reduce((a, b) => a + b, 0);
  for (let i = 0; rest > 0; i = (i + 1) % shares.length, rest -= 1) shares[i] += 1;
  return shares;
}
