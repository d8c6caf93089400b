// Reads `.github/baton.yml`. Every problem is reported at once as `file:line:column: what is wrong — what to do`.
import { explain } from "./explain.ts";
import { parseLocatedYaml } from "./located-yaml.ts";
import { RepoConfig } from "./repo-config.ts";
import { openSource } from "./source-file.ts";

/** Parses a repository's config. An empty file means the defaults. Whether the workflows it names exist is for the caller to check. Never throws. */
export function parseRepoConfig(
  text: string,
  file: string,
): { type: "ok"; config: RepoConfig } | { type: "invalid"; problems: string[] } {
  const opened = openSource(text, file);
  if (opened.type === "invalid") return opened;
  const { source } = opened;
  const yaml = parseLocatedYaml(source.text, 0);
  if (yaml.type === "invalid") return { type: "invalid", problems: source.report(yaml.problems) };
  const checked = RepoConfig.safeParse(yaml.root.value);
  if (checked.success) return { type: "ok", config: checked.data };
  return { type: "invalid", problems: source.report(explain(RepoConfig, checked.error, yaml.root)) };
}
