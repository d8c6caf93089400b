// The second, fourth, … experiment in its short form.
import { trySecond } from "#test/chaos/tried-short.ts";

trySecond(1);
