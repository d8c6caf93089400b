// Whose doing a delivery tells of, and in which repository. Pure.
import type { RepoRef } from "../engine/events.ts";
import type { Actor, Self } from "./intent.ts";
import type { IssueEvent } from "./payloads.ts";

/** GitHub's account for people who have left (github.com/ghost). */
export const ghost = { login: "ghost", id: 10_137, type: "User" };

export function repoOf({ repository, installation }: Pick<IssueEvent, "repository" | "installation">): RepoRef {
  return {
    id: repository.id,
    owner: repository.owner.login,
    name: repository.name,
    private: repository.private,
    defaultBranch: repository.default_branch,
    cloneUrl: repository.clone_url,
    ...(installation ? { installationId: installation.id } : {}),
  };
}

export interface Account {
  readonly login: string;
  readonly id: number;
  readonly type?: string | undefined;
}

type AppRef = { readonly id: number; readonly slug?: string | null | undefined } | null | undefined;

export function isSelf(account: Account, self: Self, app?: AppRef): boolean {
  if (self.appId !== undefined && app?.id === self.appId) return true;
  return account.login.toLowerCase() === self.login.toLowerCase();
}

/** The App's account among assignees: with `[bot]`, or where GitHub leaves that out as a bot's. */
export function isOwnAccount(account: Account, self: Self): boolean {
  return isSelf(account, self) || (account.type === "Bot" && account.login.toLowerCase() === self.slug.toLowerCase());
}

/** A person, unless the account is a bot's or an App wrote in the person's name. */
export function actorOf(account: Account, app: AppRef): Actor {
  const bot = account.type === "Bot" || account.login.endsWith("[bot]");
  const person = { login: account.login, id: account.id };
  if (app) return { person, bot, app: app.slug ?? `app ${app.id}` };
  return { person, bot, app: bot ? account.login : undefined };
}
