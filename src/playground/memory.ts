// What git said about objects, which never change: asking it again would cost a process each time.

/** Gives the answer to a question; asks for it when it is not known. An answer of undefined is not kept. */
export type Memory<T> = (question: string, ask: () => Promise<T>) => Promise<T>;

/** Keeps the newest `size` answers of one type. */
export function createMemory<T>(size: number): Memory<T> {
  const answers = new Map<string, T>();
  return async (question, ask) => {
    const known = answers.get(question);
    if (known !== undefined) return known;
    const answer = await ask();
    if (answer === undefined) return answer;
    answers.set(question, answer);
    const [oldest] = answers.keys();
    if (answers.size > size && oldest !== undefined) answers.delete(oldest);
    return answer;
  };
}
