// Every experiment, in the order in which they are listed and run.
import { badKeys, lostAnswers, modelFaults, rateLimits } from "./edges.ts";
import { fullDisks } from "./disks.ts";
import { lostGround } from "./grounds-lost.ts";
import { deploys, kills, killsInARow } from "./kills.ts";
import { postgresOutages, redisOutages } from "./outages.ts";
import { missedDeliveries, webhookStorm } from "./webhooks.ts";
import { endingTokens } from "./tokens.ts";
import { zombies } from "./zombies.ts";
import type { Experiment } from "./experiment.ts";

export const experiments: readonly Experiment[] = [
  kills,
  killsInARow,
  zombies,
  redisOutages,
  postgresOutages,
  webhookStorm,
  missedDeliveries,
  lostAnswers,
  rateLimits,
  modelFaults,
  badKeys,
  fullDisks,
  lostGround,
  endingTokens,
  deploys,
];
