// Reads `.github/baton.yml`. Every problem is reported at once as `file:line:column: what is wrong — what to do`.
import { z } from "zod";
import { explain } from "./explain.ts";
import { at, parseLocatedYaml, type Located } from "./located-yaml.ts";
import { nearest } from "./nearest.ts";
import { RepoConfig } from "./repo-config.ts";
import { openSource, quote, type Problem } from "./source-file.ts";

/** What a file says, without the defaults. */
export type Said = Readonly<Record<string, unknown>>;

export interface Known {
  readonly workflows?: ReadonlySet<string>;
}

export type ParsedRepoConfig =
  | {
      readonly type: "ok";
      readonly config: RepoConfig;
      readonly said: Said;
      /** A problem at the value of a key, or of keys within each other, with its place. */
      readonly report: (key: string | readonly PropertyKey[], message: string) => string[];
    }
  | { readonly type: "invalid"; readonly problems: string[] };

/** Parses a repository's config. An empty file means the defaults. `known.workflows` are the workflows that exist; without it the names of workflows are not checked. Never throws. */
export function parseRepoConfig(text: string, file: string, known: Known = {}): ParsedRepoConfig {
  const opened = openSource(text, file);
  if (opened.type === "invalid") return opened;
  const { source } = opened;
  const yaml = parseLocatedYaml(source.text, 0);
  if (yaml.type === "invalid") return { type: "invalid", problems: source.report(yaml.problems) };
  const checked = RepoConfig.safeParse(yaml.root.value);
  const problems = [
    ...(checked.success ? [] : explain(RepoConfig, checked.error, yaml.root)),
    ...checkWorkflows(yaml.root, known.workflows),
  ];
  if (checked.success && problems.length === 0)
    return {
      type: "ok",
      config: checked.data,
      said: said.parse(yaml.root.value),
      report: (key, message) => {
        const { offset } = at(yaml.root, typeof key === "string" ? [key] : key).located;
        return source.report([{ offset, message }]);
      },
    };
  return { type: "invalid", problems: source.report(problems) };
}

const said = z.record(z.string(), z.unknown());

function checkWorkflows(root: Located, workflows: ReadonlySet<string> | undefined): Problem[] {
  if (!workflows) return [];
  const inside = (key: string) => {
    const { located, found } = at(root, [key]);
    return found ? [...located.entries] : [];
  };
  const named = [
    ...inside("routes").map(([type, value]) => [`routes.${type}`, value] as const),
    ...inside("schedules").flatMap(([place, { entries }]) => {
      const value = entries.get("workflow");
      return value ? [[`schedules.${place}.workflow`, value] as const] : [];
    }),
  ];
  return named.flatMap(([key, { value, offset }]) => {
    if (typeof value !== "string" || workflows.has(value)) return [];
    const near = nearest(value, workflows);
    const advice = near === undefined ? `choose one of: ${[...workflows].join(", ")}` : `did you mean ${quote(near)}?`;
    return [{ offset, message: `${key} is ${quote(value)}, which is no workflow — ${advice}` }];
  });
}
