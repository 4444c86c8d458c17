// An error with Node.js's code. On its own, because modules have it that come before Node.js's.
export const coded = (error, code) => Object.assign(error, { code });
