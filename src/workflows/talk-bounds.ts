// What agents may say to each other at once: the same for the tools that take it and for the log that keeps it.
import { z } from "zod";

/** Characters of one note, and of one message. */
export const MOST_NOTE = 4_000;
export const MOST_MESSAGE = 2_000;
/** Minutes that a lock may be held, and paths that it may name. */
export const MOST_MINUTES = 60;
export const MOST_PATHS = 20;

export const NoteKey = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._/-]{0,79}$/,
    "must be lower-case letters, digits, dots, dashes, underscores and slashes, at most 80",
  );

/** Who is spoken to: everybody, a topic, or an agent by the name of its unit. */
export const To = z
  .string()
  .regex(/^(?:all|#[a-z0-9][a-z0-9-]{0,39}|[a-z][a-z0-9.:+-]{0,199})$/, "must be all, a #topic, or an agent's name");
