// Tools that Baton answers itself: input of a given shape in, a text out.
import type { z } from "zod";
import { readFinish } from "./finish.ts";

export interface TextAnswer {
  readonly ok: boolean;
  readonly output: string;
}

export const no = (output: string): TextAnswer => ({ ok: false, output });
export const yes = (output: string): TextAnswer => ({ ok: true, output });

export type Act = (input: unknown, signal: AbortSignal) => Promise<TextAnswer>;

/** A tool that acts on input of this shape, and says what is wrong with any other. */
export function taking<T>(schema: z.ZodType<T>, act: (input: T, signal: AbortSignal) => Promise<TextAnswer>): Act {
  return async (input, signal) => {
    const read = readFinish(schema, input);
    return read.type === "valid" ? await act(read.value, signal) : no(`The input is not valid:\n${read.problems}`);
  };
}
