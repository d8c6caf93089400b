import { tip } from "./tip.js";

/** What was ordered, and what it comes to. */
export class Bill {
  #items = [];

  add(name, cents) {
    this.#items.push({ name, cents });
    return this;
  }

  get items() {
    return this.#items.map((item) => ({ ...item }));
  }

  get subtotal() {
    return this.#items.reduce((sum, { cents }) => sum + cents, 0);
  }

  total({ tipPercent = 0 } = {}) {
    return this.subtotal + tip(this.subtotal, tipPercent);
  }
}
