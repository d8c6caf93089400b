// Columns in the terminal.
import { styleText } from "node:util";

/**
 * Rows under a heading, each column as wide as its widest cell; from the column `numbers` on they stand to the right. What stands in
 * cells is one line of harmless text.
 */
export function layOut(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers = Number.POSITIVE_INFINITY,
): string {
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column < numbers ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [styleText("dim", line(head)), ...rows.map(line)].join("\n");
}
