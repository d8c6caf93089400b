// A button of a check run of Baton's, as a command: and a check that somebody wants to run again. Pure.
//
// Only Baton's App can have written what says which run it is about, so nothing else is believed. What the buttons say stands in
// `github/checks.ts`; words that are none of these ask for nothing.
import { isRunId, isSha } from "../core/ids.ts";
import { readCommands } from "./grammar.ts";
import type { Self } from "./intent.ts";
import type { CheckEvent } from "./payloads.ts";
import type { Translation } from "./translate.ts";
import { actorOf, repoOf } from "./who.ts";

/** Buttons, by their identifiers; each is the command of its name. */
const pressed = new Set(["stop", "retry"]);

export function fromCheck(event: CheckEvent, self: Self): Translation {
  const { action, check_run: run, check_suite: suite, requested_action: asked, sender } = event;
  const check = run ?? suite;
  if (!check) return nothing("it names no check");
  if (self.appId === undefined || check.app?.id !== self.appId) return nothing("the check is not Baton's");
  const repo = repoOf(event);
  if (action === "rerequested") {
    if (!isSha(check.head_sha)) return nothing("the check is of no commit");
    return { type: "rerun", repo, commit: check.head_sha };
  }
  const verb = asked?.identifier ?? "";
  if (!pressed.has(verb)) return nothing(`there is no button "${verb.slice(0, 20)}"`);
  const [, of = ""] = /^(run-[0-9a-f]{12}):/.exec(run?.external_id ?? "") ?? [];
  if (!isRunId(of)) return nothing("the check is of no run");
  const reading = readCommands(`/agent ${verb}`, self.slug);
  return { type: "wish", wish: { door: "button", repo, actor: actorOf(sender, undefined), run: of, reading } };
}

const nothing = (because: string): Translation => ({ type: "nothing", because });
