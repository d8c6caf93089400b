// What somebody asked for, whatever the door it came by, and where they asked.
import type { RunId } from "../core/ids.ts";
import type { Loss, Person, RepoRef, Subject } from "../engine/events.ts";
import type { Schedule } from "../workflows/schedules.ts";
import type { Reading } from "./grammar.ts";

/** Who asked. `app` is set when no person did by hand: the login or slug of the bot or App that acted. */
export interface Actor {
  readonly person: Person;
  /** The account itself is a bot's. False with `app` set: an App acted in a person's name. */
  readonly bot: boolean;
  readonly app: string | undefined;
}

/** The issue as the delivery carried it: the text at the moment of asking, before anybody could edit it. */
export interface AskedText {
  readonly title: string;
  readonly body: string;
}

interface Place {
  readonly repo: RepoRef;
  readonly subject: Subject;
  readonly actor: Actor;
}

export type Intent = Place &
  (
    | {
        readonly door: "opened";
        readonly text: AskedText;
        /** Nobody is assigned, and no label says that it repeats another. */
        readonly free: boolean;
      }
    | {
        readonly door: "label";
        readonly text: AskedText;
        /** As the repository spells it. */
        readonly label: string;
        /** What stands behind `agent:`, lower case; undefined for plain `agent`. */
        readonly type: string | undefined;
        /** Milliseconds since 1970; comments made or edited later do not count. */
        readonly at: number;
      }
    | {
        /** The issue was assigned to Baton's account. */
        readonly door: "assigned";
        readonly text: AskedText;
        /** As GitHub spells the account. */
        readonly to: string;
        readonly at: number;
      }
    | {
        readonly door: "comment";
        readonly text: AskedText;
        readonly commentId: number;
        readonly reading: Reading;
        readonly at: number;
      }
    | {
        /** A comment on an issue without a command in it: an answer, where Baton's questions wait for one. */
        readonly door: "reply";
        readonly commentId: number;
        readonly words: string;
      }
    | {
        /** A program sent a command by `repository_dispatch`. */
        readonly door: "dispatch";
        readonly text: AskedText;
        readonly reading: Reading;
        readonly at: number;
      }
    | {
        /** A person pressed a button of a check run of Baton's. */
        readonly door: "button";
        readonly reading: Reading;
      }
    | {
        /** A person ticked a box of Baton's dashboard. */
        readonly door: "box";
        readonly text: AskedText;
        readonly reading: Reading;
        readonly at: number;
        /** What the box answers, where it answers something (`askKey`). */
        readonly ask?: string | undefined;
      }
    | {
        /** The repository's config says that it is time. */
        readonly door: "schedule";
        readonly text: AskedText;
        readonly schedule: Schedule;
        readonly at: number;
      }
    | {
        /** A person edited a comment in which Baton shows a plan. */
        readonly door: "plan";
        readonly commentId: number;
        /** The hidden line that says which plan it was. */
        readonly marker: string;
        /** The comment as it is now. */
        readonly body: string;
        /** As it was before that edit. */
        readonly before: string;
      }
    | {
        /** A person ticked findings in a comment in which Baton reports them. */
        readonly door: "ticks";
        readonly commentId: number;
        /** The end of a run that the comment tells. */
        readonly end: { readonly run: RunId; readonly at: number };
        /** Their numbers, those that were not ticked before. */
        readonly ticked: readonly number[];
      }
    | {
        /** A person reviewed a pull request of Baton's, and did not just approve. */
        readonly door: "review";
        /** What it says of the whole. */
        readonly words: string;
        /** It asks for changes; else it only remarks. */
        readonly wantsChanges: boolean;
      }
    | {
        /** A pull request of Baton's was closed. */
        readonly door: "pull-closed";
        readonly merged: boolean;
        /** Where its branch ended then. */
        readonly head: string;
      }
    | {
        /** Checks on a commit of a branch of Baton's have ended, or should have begun. */
        readonly door: "checks";
        readonly branch: string;
        readonly head: string;
      }
    | {
        /** The branch that a pull request of Baton's goes into has moved on. */
        readonly door: "base";
        /** The one it is opened from. */
        readonly branch: string;
      }
    | { readonly door: "closed" }
    | { readonly door: "edited" }
    | { readonly door: "lost"; readonly lost: Lost }
  );

/** What is asked for by a door that does not tell the issue's text: an intent, once that is read. */
export type Wish = { readonly repo: RepoRef } & (
  | {
      readonly door: "dispatch";
      readonly actor: Actor;
      readonly issue: number;
      readonly reading: Reading;
    }
  | {
      readonly door: "button";
      readonly actor: Actor;
      /** Of which the check run is. */
      readonly run: RunId;
      readonly reading: Reading;
    }
  | {
      readonly door: "schedule";
      /** Names the entry of the config. */
      readonly id: string;
    }
);

/** A push to a branch with a name of Baton's, by anybody but Baton. */
export interface Pushed {
  readonly repo: RepoRef;
  readonly by: Person;
  readonly branch: string;
  /** By the branch's name. */
  readonly issue: number;
}

/** What went away under runs, in words for their cards. */
export interface Lost {
  readonly loss: Loss;
  readonly message: string;
}

/** Ground that more than one run may stand on. */
export interface Ground extends Lost {
  /** GitHub's ids. */
  readonly repositories: readonly number[];
  readonly installation: number | undefined;
}

/** Who Baton is on GitHub, to know its own doings. */
export interface Self {
  readonly appId: number | undefined;
  /** The account that writes for it: `baton[bot]`. */
  readonly login: string;
  /** The name in mentions: `baton`. */
  readonly slug: string;
}
