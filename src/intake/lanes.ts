// Keeps the order of what people wrote: a stop right behind a start must find the run.
// Everything is looked at in the order of the calls, then carried out side by side, except what belongs to one lane.

export interface Lanes {
  /**
   * Looks, then carries out what was found behind everything else in its lane; nothing when nothing was found. Rejects with
   * what its own steps threw; another call's failure does not matter.
   */
  run<T>(
    look: () => Promise<T | undefined>,
    laneOf: (found: T) => string,
    carry: (found: T) => Promise<void>,
  ): Promise<void>;
  /** Lanes with something in them. */
  readonly open: number;
}

/** Lanes of this process, all empty. */
export function createLanes(): Lanes {
  let looked: Promise<unknown> = Promise.resolve();
  const ends = new Map<string, Promise<void>>();

  function join(lane: string, work: () => Promise<void>): Promise<void> {
    const mine = (ends.get(lane) ?? Promise.resolve()).then(work);
    const end = mine
      .catch(() => undefined)
      .then(() => {
        if (ends.get(lane) === end) ends.delete(lane);
      });
    ends.set(lane, end);
    return mine;
  }

  return {
    async run(look, laneOf, carry) {
      const turn = looked.then(async () => {
        const found = await look();
        // In an object, so that the next in line does not wait for it.
        return found === undefined ? undefined : { mine: join(laneOf(found), () => carry(found)) };
      });
      looked = turn.catch(() => undefined);
      await (
        await turn
      )?.mine;
    },
    get open() {
      return ends.size;
    },
  };
}
