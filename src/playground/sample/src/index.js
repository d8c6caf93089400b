export { Bill } from "./bill.js";
export { format, parse } from "./money.js";
export { splitByShares, splitEvenly } from "./split.js";
export { tip } from "./tip.js";
