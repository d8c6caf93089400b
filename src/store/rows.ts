// What both drivers answer, made one: an object with rows, or a list of them when several statements were sent at once.

/** The rows of one answer, or of the last when several statements were sent at once. */
export function rowsOf<Row>(answer: unknown): Row[] {
  const last: unknown = Array.isArray(answer) ? answer.at(-1) : answer;
  return hasRows<Row>(last) ? last.rows : [];
}

function hasRows<Row>(value: unknown): value is { rows: Row[] } {
  return typeof value === "object" && value !== null && "rows" in value && Array.isArray(value.rows);
}
