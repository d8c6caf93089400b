// Triage without a model, by words, stack traces and the sections of issue templates. Crude on purpose, and modest about it:
// it keeps a repository served while no model answers, and its confidence never exceeds 0.65. Linear in the text.
import type { IssueType, Triage } from "../workflows/artifacts.ts";

export interface IssueText {
  readonly title: string;
  readonly body: string;
}

/** What a pattern says for a type, and how much. In a title a word counts twice. */
interface Sign {
  readonly type: IssueType;
  readonly weight: number;
  readonly pattern: RegExp;
  /** How the sign is named when it is not the matched words themselves. */
  readonly name?: string;
}

const signs: readonly Sign[] = [
  { type: "bug", weight: 4, pattern: /^[ \t]+at .{1,200}:\d+:\d+\)?$/m, name: "a stack trace" },
  {
    type: "bug",
    weight: 4,
    pattern: /Traceback \(most recent call last\)|^[ \t]*File ".{1,200}", line \d+/m,
    name: "a stack trace",
  },
  {
    type: "bug",
    weight: 4,
    pattern: /^(?:panic:|goroutine \d+|thread '.{1,80}' panicked|Exception in thread)/m,
    name: "a stack trace",
  },
  { type: "bug", weight: 3, pattern: /\b[A-Z]\w{0,40}(?:Error|Exception)\b/ },
  { type: "bug", weight: 2, pattern: /\b(?:steps to reproduce|to reproduce|reproduction)\b/i },
  { type: "bug", weight: 2, pattern: /\b(?:actual|current) (?:behaviou?r|result|output)\b/i },
  { type: "bug", weight: 1, pattern: /\bexpected (?:behaviou?r|result|output)\b/i },
  {
    type: "bug",
    weight: 3,
    pattern: /\b(?:bug|crash(?:es|ed|ing)?|regression|segfault|deadlock|memory leak|data loss)\b/i,
  },
  {
    type: "bug",
    weight: 2,
    pattern:
      /\b(?:broken|fails?|failing|failed|wrong(?:ly)?|incorrect(?:ly)?|unexpected(?:ly)?|throws?|hangs?|off by one)\b/i,
  },
  {
    type: "bug",
    weight: 2,
    pattern: /\b(?:does ?n[o']t|doesn['’]t|isn['’]t|not) (?:work|working|respect|honou?r|return|show|update)/i,
  },
  {
    type: "bug",
    weight: 1,
    pattern: /\b(?:instead of|NaN|undefined|null pointer|used to work|since (?:version|upgrading|updating|v?\d))\b/i,
  },
  { type: "feature", weight: 4, pattern: /\b(?:feature request|enhancement)\b/i },
  {
    type: "feature",
    weight: 3,
    pattern:
      /\b(?:add|adding|introduce|implement)\b(?: \w+){0,3} (?:support|option|flag|command|setting|parameter|button|page|endpoint|mode)\b/i,
  },
  {
    type: "feature",
    weight: 3,
    pattern: /\b(?:would be (?:nice|great|useful|helpful|good|cool)|it['’]?d be (?:nice|great|useful))\b/i,
  },
  {
    type: "feature",
    weight: 2,
    pattern:
      /\b(?:please (?:add|support)|support for|ability to|allow(?:ing)? (?:users?|me|us|to|for)|option to|i(?:['’]d| would) like|i wish|proposal|propose)\b/i,
  },
  { type: "feature", weight: 1, pattern: /^(?:add|support|allow|provide|introduce|implement)\b/i },
  { type: "refactor", weight: 4, pattern: /\brefactor(?:ing|ed)?\b/i },
  {
    type: "refactor",
    weight: 3,
    pattern:
      /\b(?:clean ?up|tech(?:nical)? debt|dead code|duplicated? (?:code|logic)|restructure|reorgani[sz]e|moderni[sz]e)\b/i,
  },
  {
    type: "refactor",
    weight: 2,
    pattern:
      /\b(?:rename|extract|split up|split .{1,60} into|simplify|de-?duplicate|move .{1,60} (?:in)?to|convert .{1,60} to|too (?:long|complex)|hard to (?:read|maintain|follow))\b/i,
  },
  { type: "docs", weight: 4, pattern: /\b(?:typos?|misspell\w*|docstrings?)\b/i },
  { type: "docs", weight: 3, pattern: /\b(?:documentation|readme|docs?|changelog|tutorial|broken link|dead link)\b/i },
  {
    type: "question",
    weight: 3,
    pattern:
      /\b(?:how (?:do|can|should|would|to)|is (?:it|there) (?:possible|a way|any way)|what(?:['’]s| is| are| does)|why (?:does|is|do|are)|can (?:i|someone))\b/i,
  },
  { type: "question", weight: 2, pattern: /\b(?:question|help (?:needed|wanted|please)|best practice)\b/i },
  { type: "question", weight: 2, pattern: /\?\s*$/ },
  { type: "duplicate", weight: 12, pattern: /\b(?:duplicate|dupe) of #\d+|\bsame (?:issue |problem )?as #\d+/i },
];

/** What people put in front of a title: "[Bug]: …", "feat(parser): …". It outweighs single words. */
const prefixes: readonly (readonly [IssueType, RegExp])[] = [
  ["bug", /^\W{0,3}(?:bug(?: report)?|fix|defect)\b\W{0,3}(?:\([^)]{0,40}\))?\s*[\]:)]/i],
  ["feature", /^\W{0,3}(?:feat(?:ure)?(?: request)?|enhancement|proposal|rfc)\b\W{0,3}(?:\([^)]{0,40}\))?\s*[\]:)]/i],
  ["refactor", /^\W{0,3}(?:refactor|chore|perf|cleanup)\b\W{0,3}(?:\([^)]{0,40}\))?\s*[\]:)]/i],
  ["docs", /^\W{0,3}(?:docs?|documentation)\b\W{0,3}(?:\([^)]{0,40}\))?\s*[\]:)]/i],
  ["question", /^\W{0,3}(?:question|help|support)\b\W{0,3}(?:\([^)]{0,40}\))?\s*[\]:)]/i],
];

const order: readonly IssueType[] = ["bug", "feature", "refactor", "docs", "question", "duplicate", "invalid"];
const sizes = {
  bug: "s",
  feature: "m",
  refactor: "m",
  docs: "xs",
  question: "xs",
  duplicate: "xs",
  invalid: "xs",
} as const;
const READ = 20_000;

/** Sorts an issue by its words. `labels` stay empty; whoever calls adds those of the type. */
export function guess({ title, body }: IssueText): Triage {
  const text = body.slice(0, READ);
  const scores = new Map<IssueType, number>();
  const found: { type: IssueType; words: string }[] = [];
  const add = (type: IssueType, weight: number) => scores.set(type, (scores.get(type) ?? 0) + weight);

  for (const [type, pattern] of prefixes) {
    const words = pattern.exec(title)?.[0];
    if (words === undefined) continue;
    add(type, 8);
    found.push({ type, words });
  }
  for (const { type, weight, pattern, name } of signs) {
    const inTitle = pattern.exec(title)?.[0];
    const words = inTitle ?? pattern.exec(text)?.[0];
    if (words === undefined) continue;
    add(type, inTitle === undefined ? weight : 2 * weight);
    found.push({ type, words: name ?? words });
  }
  const words = `${title} ${text}`.match(/\p{L}{2,}/gu) ?? [];
  if (words.length < 3) add("invalid", 6);

  const ranked = order.map((type) => ({ type, score: scores.get(type) ?? 0 })).sort((a, b) => b.score - a.score);
  const [best, second] = ranked;
  const type = best && best.score > 0 ? best.type : "question";
  const runnerUp =
    [second?.type, "feature" as const, "bug" as const].find((other) => other !== undefined && other !== type) ?? "bug";
  const margin = best && best.score > 0 ? (best.score - (second?.score ?? 0)) / (best.score + 3) : 0;
  const thin = type === "bug" && words.length < 12;
  const whole = `${title}\n${text}`;
  return {
    type,
    confidence: Math.round(Math.min(0.65, 0.3 + 0.45 * margin) * 100) / 100,
    runnerUp,
    severity: severityOf(type, whole),
    size: sizes[type],
    labels: [],
    areas: [...new Set(whole.match(/\b[\w-]{1,40}(?:\/[\w.-]{1,60}){1,6}\.\w{1,6}\b/g) ?? [])].slice(0, 5),
    missing: thin ? ["What did you do, what came out, and what did you expect instead?"] : [],
    ...duplicateOf(type, whole),
    securitySensitive:
      /\b(?:vulnerabilit|CVE-\d|XSS|CSRF|SQL injection|RCE|remote code execution|path traversal|leak(?:s|ed|ing)? (?:the )?(?:token|password|secret|credential)|privilege escalation)/i.test(
        whole,
      ),
    summary: title.trim().slice(0, 500) || "(no title)",
    evidence: [...new Set(found.filter((sign) => sign.type === type).map((sign) => sign.words.trim().slice(0, 200)))]
      .filter((quote) => quote !== "")
      .slice(0, 5),
  };
}

function severityOf(type: IssueType, text: string): Triage["severity"] {
  if (type !== "bug") return "low";
  if (/\b(?:data loss|corrupt(?:s|ed|ion)?|vulnerabilit\w+|security|production is down)\b/i.test(text))
    return "critical";
  return /\b(?:crash\w*|segfault|panic|deadlock|hangs?|unusable|regression)\b/i.test(text) ? "high" : "medium";
}

function duplicateOf(type: IssueType, text: string): { duplicateOf?: number } {
  const number = Number(/\b(?:of|as) #(\d{1,9})/i.exec(text)?.[1] ?? 0);
  return type === "duplicate" && number > 0 ? { duplicateOf: number } : {};
}
