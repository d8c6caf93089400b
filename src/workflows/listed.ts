// Names as agent files list them: in a list, or between the commas of a text.
import type { Located } from "./located-yaml.ts";

export interface ListedName {
  readonly name: string;
  readonly offset: number;
}

/** The names in a list, or between the commas of a text (not those inside brackets). What is no text is passed over. */
export function listed(located: Located | undefined): ListedName[] {
  const texts = located && located.entries.size > 0 ? [...located.entries.values()] : located ? [located] : [];
  return texts.flatMap(({ value, offset }) =>
    typeof value === "string"
      ? (value.match(/[^,(]+(?:\([^)]*\)?)?/g) ?? [])
          .map((name) => ({ name: name.trim(), offset }))
          .filter(({ name }) => name !== "")
      : [],
  );
}
