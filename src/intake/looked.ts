// What a delivery holds: something asked for, or news about a config, or about the ground of many runs; and in which lane it is carried out.
import type { RepoRef } from "../engine/events.ts";
import type { KeptDelivery } from "../store/deliveries.ts";
import type { Translation } from "./translate.ts";

export type Looked = { readonly delivery: KeptDelivery } & Exclude<Translation, { type: "nothing" }>;

/** What is in one lane is carried out in the order in which it came. */
export function laneOf(looked: Looked): string {
  switch (looked.type) {
    case "intent": {
      const { repo, subject } = looked.intent;
      return `${repo.id}#${subject.number}`;
    }
    case "wish":
      return `wishes ${looked.wish.repo.id}`;
    case "moved":
      return `base ${looked.repo.id} ${looked.branch}`;
    case "pushed":
      return `${looked.repo.id}#${looked.issue}`;
    case "proposed":
      return `proposed ${looked.repo.id}#${looked.pull}`;
    case "dashboard":
      return `dashboard ${looked.repo.id}`;
    case "rerun":
      return `rerun ${looked.repo.id}`;
    case "ground":
      return `ground ${looked.ground.installation ?? looked.ground.repositories.join()}`;
    default:
      return looked satisfies never;
  }
}

/** False for what concerns a repository on which no App is installed: nothing can be done there. */
export function isInstalled(looked: Looked): boolean {
  if (looked.type === "ground") return true;
  return repoOf(looked)?.installationId !== undefined;
}

/** The one repository it concerns. */
export function repoOf(looked: Looked): RepoRef | undefined {
  switch (looked.type) {
    case "intent":
      return looked.intent.repo;
    case "wish":
      return looked.wish.repo;
    case "moved":
    case "pushed":
    case "proposed":
    case "rerun":
    case "dashboard":
      return looked.repo;
    case "ground":
      return undefined;
    default:
      return looked satisfies never;
  }
}

/** Where it came in, for the operator. */
export function doorOf(looked: Looked): string {
  if (looked.type === "intent") return looked.intent.door;
  if (looked.type === "wish") return looked.wish.door;
  if (looked.type === "proposed") return "pull request";
  if (looked.type === "rerun") return "checks";
  if (looked.type === "dashboard") return "dashboard";
  return looked.type === "ground" ? looked.ground.loss : "push";
}
