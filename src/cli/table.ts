// Columns in the terminal.
import { styleText } from "node:util";

/** Rows under a heading, each column as wide as its widest cell. What stands in cells is one line of harmless text. */
export function layOut(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [styleText("dim", line(head)), ...rows.map(line)].join("\n");
}
