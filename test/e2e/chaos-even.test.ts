// The first, third, … experiment in its short form.
import { trySecond } from "#test/chaos/tried-short.ts";

trySecond(0);
