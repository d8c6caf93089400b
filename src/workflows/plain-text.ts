// Text of a model that becomes part of a file: it must look in a diff like what it is, and end its lines as the file does.
import { z } from "zod";

/** What nobody would see in a diff, or would see as something else. */
const unseen = /[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/u;

export const isPlain = (text: string) => !unseen.test(text);

/** How lines end in a text that people wrote: what is added to it ends them likewise. */
export const lineEnd = (text: string) => (text.includes("\r\n") ? "\r\n" : "\n");

/** One line of at most `max` characters, without invisible ones. */
export const plainLine = (max: number) =>
  z.string().trim().min(1).max(max).refine(isPlain, "must be one line without invisible characters");
