// So many of something, in English; the figure is written already.
export const many = (n, one, more = `${one}s`) => `${n} ${String(n) === "1" ? one : more}`;
