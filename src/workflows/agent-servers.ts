// The MCP servers an agent file names, and which of their tools it grants. Definitions of servers in an agent file are refused: what
// is started or asked is for whoever runs Baton to say, not for a repository.
import { listed } from "./listed.ts";
import type { Located } from "./located-yaml.ts";
import { readServerTool, type MayName, type ServerGrant } from "./servers.ts";
import { quote, type Problem } from "./source-file.ts";

const MAX_NAMED = 10;

/** The grants of a front matter; `mayName` undefined leaves the names unchecked. */
export function readServers(
  { entries }: Located,
  agent: { readonly merges: boolean },
  mayName: MayName | undefined,
): { servers: ServerGrant[]; problems: Problem[]; warnings: Problem[] } {
  const located = entries.get("mcpServers");
  const [granted, taken] = [listed(entries.get("tools")), listed(entries.get("disallowedTools"))];
  const names = listed(located);
  const problems = [
    ...definitions(located),
    ...names.flatMap(({ name, offset }) => {
      const why = mayName?.(name, agent);
      return why === undefined ? [] : [{ offset, message: `mcpServers names ${quote(name)}, ${why}` }];
    }),
  ];
  if (located && names.length > MAX_NAMED)
    problems.push({
      offset: located.offset,
      message: `mcpServers names ${names.length} servers — name at most ${MAX_NAMED}`,
    });
  const known = new Set(names.map(({ name }) => name));
  const warnings = granted.flatMap(({ name, offset }) => {
    const read = readServerTool(name);
    if (!read || known.has(read.server)) return [];
    const message = `the tool ${quote(name)} is ignored — name ${quote(read.server)} in mcpServers to have it`;
    return [{ offset, message }];
  });
  const servers = [...known].map((server): ServerGrant => {
    const of = (list: typeof granted) => list.filter(({ name }) => readServerTool(name)?.server === server);
    const isWhole = ({ name }: { name: string }) => readServerTool(name)?.tool === undefined;
    const [mine, not] = [of(granted), of(taken)];
    const all = mine.length === 0 || mine.some(isWhole);
    // A tool narrowed by brackets matches none: it is left out rather than widened.
    return {
      server,
      only: not.some(isWhole) ? [] : all ? undefined : mine.map(({ name }) => name),
      without: not.map(({ name }) => name),
    };
  });
  return { servers, problems, warnings };
}

/** What stands there instead of a name. */
function definitions(located: Located | undefined): Problem[] {
  if (!located) return [];
  const { value } = located;
  if (value === null || typeof value === "string") return [];
  const entries = Array.isArray(value) ? [...located.entries.values()] : [...located.entries.values(), located];
  return entries
    .filter((entry) => typeof entry.value !== "string")
    .slice(0, 1)
    .map(({ offset, value: given }) => ({
      offset,
      message: `mcpServers has ${quote(given)} — write names only: servers are defined by whoever runs Baton, never in a repository`,
    }));
}
