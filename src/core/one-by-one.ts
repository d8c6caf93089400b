// One piece of work after another, in the order in which they were asked for, whatever becomes of the one before.

/** Does what it is given once all that it was given before has ended, and gives what comes of it. */
export function createOneByOne(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
